package accounts

import (
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/check"
)

// Fields of pureftpd.passwd, as pure-pw(8) writes it.
const (
	pureHash           = 1
	pureUID            = 2
	pureHome           = 5
	pureUpload         = 6 // bytes per second
	pureDownload       = 7
	pureUploadRatio    = 8
	pureDownloadRatio  = 9
	pureSessions       = 10
	pureMaxFiles       = 11
	pureMaxBytes       = 12
	pureLocalAllowed   = 13
	pureLocalRefused   = 14
	pureSourcesAllowed = 15
	pureSourcesRefused = 16
	pureHours          = 17
	pureFields         = 18
)

// PureFTPd reads the file that pure-pw(8) writes.
func PureFTPd(o Options) (Found, error) {
	b := newBook(o)
	text, err := decode(o.Text, o.Encoding)
	if err != nil {
		return Found{}, err
	}
	for _, line := range lines(text) {
		if len(line.fields) != pureFields {
			b.leaveOut(line.number, name(line), "has %d fields, and pureftpd.passwd has %d%s", len(line.fields), pureFields, line.cut())
			continue
		}
		b.pureAccount(line)
	}
	return b.Found, nil
}

func (b *book) pureAccount(line record) {
	f := line.fields
	a := b.begin(line.number, f[0])
	if a == nil {
		return
	}
	home, start, _ := strings.Cut(f[pureHome], "/./")
	b.setHome(a, home)
	if start != "" {
		b.unsaid(a, "its sessions begin in /%s of its home, and begin at the top here", start)
	}
	a.setHash(f[pureHash])
	b.owner(a)

	b.setBandwidth(a, f[pureUpload], f[pureDownload])
	b.setMaxSessions(a, f[pureSessions])
	if f[pureUploadRatio] != "" || f[pureDownloadRatio] != "" {
		b.restricted(a, "it has a ratio of uploads to downloads")
	}
	if files, bytes := f[pureMaxFiles], f[pureMaxBytes]; files != "" || bytes != "" {
		b.unsaid(a, "it has a quota (files: %s, bytes: %s)", orNone(files), orNone(bytes))
	}
	b.setSources(a, f[pureSourcesAllowed])
	if f[pureSourcesRefused] != "" {
		b.restricted(a, "some addresses are refused (%s), and only those that are allowed can be said: set allowedSources", f[pureSourcesRefused])
	}
	if f[pureLocalAllowed] != "" || f[pureLocalRefused] != "" {
		b.restricted(a, "only some addresses of the server are for it")
	}
	if f[pureHours] != "" {
		b.restricted(a, "it may log in at some hours only (%s)", f[pureHours])
	}
	b.end(a)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// setBandwidth reads bytes per second.
func (b *book) setBandwidth(a *Account, upload, download string) {
	quantity := func(direction, text string) *resource.Quantity {
		if text == "" || text == "0" {
			return nil
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			b.unsaid(a, "its %s bandwidth is no number", direction)
			return nil
		}
		return resource.NewQuantity(n, resource.BinarySI)
	}
	if up, down := quantity("upload", upload), quantity("download", download); up != nil || down != nil {
		limits(a).Bandwidth = &v1alpha1.Bandwidth{Upload: up, Download: down}
	}
}

func (b *book) setMaxSessions(a *Account, text string) {
	if text == "" || text == "0" {
		return
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		b.unsaid(a, "its number of sessions is no number")
		return
	}
	limits(a).MaxSessions = int32(n)
}

func limits(a *Account) *v1alpha1.UserLimits {
	if a.Spec.Limits == nil {
		a.Spec.Limits = &v1alpha1.UserLimits{}
	}
	return a.Spec.Limits
}

// setSources reads networks between commas.
func (b *book) setSources(a *Account, list string) {
	if list == "" {
		return
	}
	b.addSources(a, strings.Split(list, ","))
}

// addSources leaves out what is no network: the account may come from fewer then.
func (b *book) addSources(a *Account, sources []string) {
	for _, source := range sources {
		network, err := check.ParseNetwork(source)
		switch {
		case err != nil:
			b.unsaid(a, "it may come from %.60q, which %v", strings.TrimSpace(source), err)
		case network.IsSingleIP():
			a.Spec.AllowedSources = append(a.Spec.AllowedSources, network.Addr().String())
		default:
			a.Spec.AllowedSources = append(a.Spec.AllowedSources, network.String())
		}
	}
	if len(sources) > 0 && len(a.Spec.AllowedSources) == 0 {
		b.restricted(a, "it may come from some sources only, and none of them can be said")
	}
}
