package diagnose

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// A world is what is promised and seen of a server in which all is well, and faults
// are put into it.
func world() Found {
	ip4, ip6 := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8::1")
	e := Expected{
		Name: "partners", Namespace: "files", Ready: true, Reason: "Ready", Certificate: "aa11",
		HostKeys: []HostKey{{"ssh-ed25519", "SHA256:one"}, {"ssh-rsa", "SHA256:two"}},
		Exposure: "LoadBalancer", Active: true, SameAddress: true,
		User:  &User{Name: "alice", Ready: true, Reason: "Loaded"},
		Slots: []Slot{{"partners-0", []int{50000, 50001, 50002}}, {"partners-1", []int{50003, 50004, 50005}}},
	}
	f := Found{Expected: e, Now: noon}
	for _, ip := range []netip.Addr{ip4, ip6} {
		for _, at := range []Endpoint{{FTP, ip.String(), 21}, {FTPS, ip.String(), 990}, {SFTP, ip.String(), 22}} {
			f.Expected.Endpoints = append(f.Expected.Endpoints, at)
			a := Attempt{Protocol: at.Protocol, Address: at.Address, IP: ip, Port: at.Port}
			control := a
			if at.Protocol == SFTP {
				control.HostKey = &HostKey{"ssh-ed25519", "SHA256:one"}
				f.Attempts = append(f.Attempts, control, a)
				continue
			}
			control.Certificate = &Certificate{Fingerprint: "AA11", NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour)}
			f.Attempts = append(f.Attempts, control)
			for port := uint16(50000); port <= 50005; port++ {
				b := a
				b.Mode, b.Told = EPSV, netip.AddrPortFrom(ip, port)
				f.Attempts = append(f.Attempts, b)
			}
			if ip.Is4() {
				b := a
				b.Mode, b.Told = PASV, netip.AddrPortFrom(ip, 50001)
				f.Attempts = append(f.Attempts, b)
			}
			b := a
			b.Mode, b.From = EPRT, ip
			f.Attempts = append(f.Attempts, b)
		}
	}
	return f
}

// A change puts a fault into what was seen.
type change func(*Found)

// end has attempts end otherwise, of which something holds.
func end(step Step, failure Failure, of func(Attempt) bool) change {
	return func(f *Found) {
		for i, a := range f.Attempts {
			if of(a) {
				f.Attempts[i].Step, f.Attempts[i].Failure = step, failure
			}
		}
	}
}

func reply(step Step, code int, of func(Attempt) bool) change {
	return func(f *Found) {
		end(step, Reply, of)(f)
		for i, a := range f.Attempts {
			if of(a) {
				f.Attempts[i].Code, f.Attempts[i].Text = code, "no"
			}
		}
	}
}

func control(protocol string) func(Attempt) bool {
	return func(a Attempt) bool { return a.Control() && a.Protocol == protocol }
}

func mode(m string) func(Attempt) bool { return func(a Attempt) bool { return a.Mode == m } }

func port(ports ...uint16) func(Attempt) bool {
	return func(a Attempt) bool {
		for _, p := range ports {
			if a.passive() && a.Told.Port() == p {
				return true
			}
		}
		return false
	}
}

func all(Attempt) bool         { return true }
func v6(a Attempt) bool        { return a.IP.Is6() }
func isControl(a Attempt) bool { return a.Control() }

// onlyControl is what there is to see where nobody comes further.
func onlyControl(f *Found) {
	var left []Attempt
	for _, a := range f.Attempts {
		if a.Control() {
			left = append(left, a)
		}
	}
	f.Attempts = left
}

func certificate(set func(*Certificate)) change {
	return func(f *Found) {
		for i := range f.Attempts {
			if c := f.Attempts[i].Certificate; c != nil {
				set(c)
			}
		}
	}
}

func told(m string, addr string, p uint16) change {
	return func(f *Found) {
		for i, a := range f.Attempts {
			if a.Mode == m {
				f.Attempts[i].Told = netip.AddrPortFrom(netip.MustParseAddr(addr), p)
			}
		}
	}
}

func TestEachFaultIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults []change
		want   string // in the finding; empty: there is none
	}{
		"none": {nil, ""},
		"no address yet": {[]change{func(f *Found) {
			f.Expected.Endpoints, f.Attempts, f.Expected.Ready, f.Expected.Reason = nil, nil, false, "AddressPending"
		}}, "has no address yet (AddressPending)"},
		"not ready": {[]change{func(f *Found) { f.Expected.Ready, f.Expected.Reason = false, "Unschedulable" }, end(Connect, Refused, isControl)},
			"is not ready (Unschedulable)"},
		"not ready, and all goes well": {[]change{func(f *Found) { f.Expected.Ready = false }}, ""},
		"a host name without address": {[]change{func(f *Found) {
			f.Attempts = []Attempt{{Protocol: FTP, Address: "ftp.example.com", Port: 21, Step: Resolve, Failure: NotFound, Text: "no such host"}}
		}}, "The host name ftp.example.com"},
		"no route for a family":             {[]change{onlyControl, end(Connect, Unreachable, v6)}, "no route from here to 2001:db8::1 (IPv6)"},
		"all dropped":                       {[]change{onlyControl, end(Connect, Timeout, all)}, "No port of 198.51.100.1 answers (nothing came)"},
		"one of two addresses dropped":      {[]change{end(Connect, Timeout, v6)}, "No port of 2001:db8::1 answers, while others"},
		"a port dropped":                    {[]change{end(Connect, Timeout, control(FTPS))}, "Port 990 (ftps) of 198.51.100.1 does not answer (nothing came)"},
		"a port refused":                    {[]change{end(Connect, Refused, control(SFTP))}, "Port 22 (sftp) of 198.51.100.1 does not answer (refused)"},
		"closed before the greeting":        {[]change{end(Greet, Closed, control(FTP))}, "closes them before the server says a word"},
		"no greeting":                       {[]change{end(Greet, Timeout, control(SFTP))}, "and then nothing comes (sftp)"},
		"another protocol":                  {[]change{end(Greet, Foreign, control(FTP))}, "something else than ftp answers"},
		"full":                              {[]change{reply(Greet, 421, control(FTP))}, "greets with a refusal"},
		"AUTH TLS taken away":               {[]change{reply(Secure, 500, control(FTP))}, "AUTH TLS is refused"},
		"another certificate":               {[]change{certificate(func(c *Certificate) { c.Fingerprint = "bb22" })}, "and that of the server is aa11"},
		"a certificate that is over":        {[]change{certificate(func(c *Certificate) { c.NotAfter = noon.Add(-time.Minute) })}, "The certificate has ended on 2030-01-01 11:59 UTC"},
		"a certificate of tomorrow":         {[]change{certificate(func(c *Certificate) { c.NotBefore = noon.Add(time.Minute) })}, "begins on 2030-01-01 12:01 UTC only"},
		"another authority":                 {[]change{certificate(func(c *Certificate) { c.TrustError = "unknown authority" })}, "not signed by the authority"},
		"a certificate for others":          {[]change{certificate(func(c *Certificate) { c.NameError = "not valid for" })}, "The certificate is not for 198.51.100.1"},
		"no handshake":                      {[]change{end(Secure, Handshake, control(FTPS))}, "no TLS handshake at 198.51.100.1:990"},
		"another host key":                  {[]change{func(f *Found) { f.Expected.HostKeys[0].Fingerprint = "SHA256:three" }}, "The host key at 198.51.100.1:22"},
		"no common algorithm":               {[]change{end(Secure, Handshake, control(SFTP))}, "SSH's key exchange fails"},
		"a user who cannot log in":          {[]change{reply(LogIn, 530, control(FTP)), func(f *Found) { f.Expected.User.Ready, f.Expected.User.Reason = false, "Suspended" }}, "alice cannot log in (Suspended)"},
		"a user who is refused":             {[]change{reply(LogIn, 530, control(FTP))}, "alice is refused at 198.51.100.1:21"},
		"another address told":              {[]change{told(PASV, "10.0.0.7", 50001), end(Data, Timeout, mode(PASV))}, "The address told in PASV is 10.0.0.7, which does not answer, and you connected to 198.51.100.1"},
		"another address told that answers": {[]change{told(PASV, "10.0.0.7", 50001)}, ""},
		"another port told":                 {[]change{told(EPSV, "198.51.100.1", 4711), end(Data, Timeout, mode(EPSV))}, "The port told in EPSV is 4711"},
		"a reply rewritten":                 {[]change{end(Ask, Malformed, mode(PASV))}, "The answer to PASV"},
		"no passive port to offer":          {[]change{reply(Ask, 425, mode(EPSV))}, "no passive port to offer"},
		"all passive ports dropped":         {[]change{end(Data, Timeout, Attempt.passive)}, "No passive port of 198.51.100.1 answers (nothing came): tried were 50000-50005"},
		"all passive ports refused":         {[]change{end(Data, Refused, Attempt.passive)}, "No passive port of 198.51.100.1 answers (refused)"},
		"the ports of a pod dropped":        {[]change{end(Data, Timeout, port(50003, 50004, 50005))}, "No passive port of pod partners-1 (slot 1) answers at 198.51.100.1"},
		"the passive ports of an address":   {[]change{end(Data, Timeout, func(a Attempt) bool { return a.passive() && v6(a) })}, "No passive port of 2001:db8::1 answers"},
		"a passive port dropped":            {[]change{end(Data, Timeout, port(50004))}, "Passive port 50004 of pod partners-1 does not answer at 198.51.100.1 (nothing came)"},
		"a passive port refused":            {[]change{end(Data, Refused, port(50004))}, "Passive port 50004 of pod partners-1 does not answer at 198.51.100.1 (refused)"},
		"a stranger's data connection":      {[]change{reply(Transfer, 425, Attempt.passive)}, "takes it for a stranger's"},
		"no TLS on data connections":        {[]change{end(Transfer, Handshake, port(50002))}, "no TLS handshake on the data connection"},
		"large packets dropped":             {[]change{end(Transfer, Timeout, port(50002))}, "no listing comes through it"},
		"EPSV refused":                      {[]change{reply(Ask, 500, mode(EPSV))}, "EPSV is refused"},
		"active mode refused":               {[]change{reply(Ask, 500, mode(EPRT))}, "EPRT is refused at"},
		"active mode behind a translation":  {[]change{reply(Ask, 504, mode(EPRT))}, ""},
		"active mode behind a firewall":     {[]change{end(Transfer, Timeout, mode(EPRT))}, ""},
		"active mode from elsewhere": {[]change{func(f *Found) {
			for i := range f.Attempts {
				f.Attempts[i].From = netip.MustParseAddr("203.0.113.9")
			}
		}}, "Active data connections come from 203.0.113.9"},
		"active mode from elsewhere, as the status says": {[]change{func(f *Found) {
			f.Expected.SameAddress = false
			for i := range f.Attempts {
				f.Attempts[i].From = netip.MustParseAddr("203.0.113.9")
			}
		}}, ""},
		"something that nobody foresaw": {[]change{end(Transfer, Malformed, control(SFTP))}, "sftp at 198.51.100.1:22 fails"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := world()
			for _, put := range c.faults {
				put(&f)
			}
			got := Of(f)
			switch {
			case c.want == "" && got != nil:
				t.Errorf("nothing is wrong, and it says %+v", *got)
			case c.want != "" && got == nil:
				t.Errorf("nothing is found; want %q", c.want)
			case got != nil && !strings.Contains(got.Wrong, c.want):
				t.Errorf("got %q, want %q", got.Wrong, c.want)
			case got != nil:
				if _, err := os.Stat(filepath.Join("../../../..", got.Page)); err != nil || got.Do == "" {
					t.Errorf("nothing is said of what to do, or where to read on: %+v, %v", *got, err)
				}
			}
		})
	}
}

func TestRemarksAreAboutWhatIsNoFault(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		put  change
		want string
	}{
		"all was tried": {func(*Found) {}, ""},
		"nobody logged in": {func(f *Found) {
			f.Expected.User = nil
			onlyControl(f)
		}, "Nobody logged in"},
		"a pod that was not reached":    {func(f *Found) { f.Expected.Slots = append(f.Expected.Slots, Slot{"partners-2", []int{50006}}) }, "No connection came to pod partners-2"},
		"a port that was not offered":   {func(f *Found) { f.Expected.Slots[1].Ports = append(f.Expected.Slots[1].Ports, 50006) }, "Passive ports of pod partners-1 that were not tried: 50006"},
		"active mode behind a firewall": {end(Transfer, Timeout, mode(EPRT)), "Active mode (EPRT) does not work from here"},
	} {
		f := world()
		c.put(&f)
		got := strings.Join(Remarks(f), " ")
		if !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
