package accounts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// AWS reads what `aws transfer describe-user` says, once for each user: one after the
// other, or in a list.
func AWS(o Options) (Found, error) {
	b := newBook(o)
	text, err := decode(o.Text, o.Encoding)
	if err != nil {
		return Found{}, err
	}
	d := newJSONDump(text)
	for {
		line, raw, err := d.next()
		switch {
		case errors.Is(err, io.EOF):
			return b.Found, nil
		case err != nil:
			// What is whole of a list that is cut is in the text still.
			if items := strings.TrimLeft(text[d.decoder.InputOffset():], " \t\r\n"); strings.HasPrefix(items, "[") {
				b.awsList(text, int(d.decoder.InputOffset())+strings.Index(text[d.decoder.InputOffset():], "["))
			}
			b.leaveOut(0, "", "%s", d.broken(err))
			return b.Found, nil
		case isList(raw):
			b.awsList(text, int(d.decoder.InputOffset())-len(raw))
		default:
			b.awsDocument(line, raw)
		}
	}
}

// awsList reads the documents of the list that begins there.
func (b *book) awsList(text string, at int) {
	d := newJSONDump(text[at:])
	before := strings.Count(text[:at], "\n")
	if d.open('[') != nil {
		return
	}
	for d.decoder.More() {
		line, raw, err := d.next()
		if err != nil {
			return // the dump as a whole is said to be cut
		}
		b.awsDocument(before+line, raw)
	}
}

func (b *book) awsDocument(line int, raw json.RawMessage) {
	e, err := newEntry(line, raw)
	if err != nil {
		b.leaveOut(line, "", "%v", err)
		return
	}
	if users, ok := e.fields["Users"]; ok && isList(users) {
		b.leaveOut(line, "", "it is the answer of list-users, which has no keys: ask describe-user for each user")
		return
	}
	if user, ok := e.fields["User"]; ok {
		if e, err = newEntry(line, user); err != nil {
			b.leaveOut(line, "", "%v", err)
			return
		}
	}
	var username string
	if err := e.get("UserName", &username); err != nil {
		b.leaveOut(line, "", "%v", err)
		return
	}
	a := b.begin(line, username)
	if a == nil {
		return
	}
	a.Spec.Protocols = []v1alpha1.ProtocolName{v1alpha1.ProtocolSFTP}
	if err := b.awsFields(a, e); err != nil {
		b.leaveOut(line, username, "%v", err)
		return
	}
	e.skip("Arn", "Tags", "HomeDirectoryType")
	for _, field := range e.rest() {
		b.unsaid(a, "its field %s", field)
	}
	b.end(a)
}

func (b *book) awsFields(a *Account, e *entry) error {
	var home, policy, role string
	var mappings []struct{ Entry, Target string }
	var profile *struct{ Uid, Gid int }
	var keys []struct {
		SshPublicKeyBody, SshPublicKeyId string
	}
	for field, to := range map[string]any{
		"HomeDirectory": &home, "Policy": &policy, "Role": &role, "HomeDirectoryMappings": &mappings,
		"PosixProfile": &profile, "SshPublicKeys": &keys,
	} {
		if err := e.get(field, to); err != nil {
			return err
		}
	}
	for i, key := range keys {
		b.addKey(a, fmt.Sprintf("its key %d", i), key.SshPublicKeyBody)
	}
	b.awsHome(a, home, mappings)
	if policy != "" {
		b.restricted(a, "its session policy narrows what it may do: say that with access and paths")
	}
	if role != "" {
		b.unsaid(a, "what the role %s lets it do is not in the dump: it may read and write", role)
	}
	if profile != nil {
		b.owner(a)
	}
	return nil
}

// awsHome takes the bucket off: its content is what comes to be the storage.
func (b *book) awsHome(a *Account, home string, mappings []struct{ Entry, Target string }) {
	for _, m := range mappings {
		if m.Entry == "/" {
			home = m.Target
			continue
		}
		b.unsaid(a, "%.80q leads to %.80q: homes have no folders of elsewhere", m.Entry, m.Target)
	}
	if home == "" {
		return
	}
	_, below, _ := strings.Cut(strings.TrimPrefix(home, "/"), "/")
	if below = strings.Trim(below, "/"); below == "" {
		b.restricted(a, "its home is the whole bucket: set home to '.', with which it sees the homes of all users, or to a folder")
		return
	}
	b.Homes = append([]string{"/"}, b.Homes...)
	b.setHome(a, "/"+below)
	b.Homes = b.Homes[1:]
}
