package accounts

import (
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Fields of passwd(5) and shadow(5).
const (
	passwdFields = 7
	shadowFields = 9
)

// Passwd reads passwd(5), with shadow(5) beside it, if that is given.
func Passwd(o Options) (Found, error) {
	b := newBook(o)
	text, err := decode(o.Text, o.Encoding)
	if err != nil {
		return Found{}, err
	}
	shadow, err := b.beside(shadowFields, "shadow")
	if err != nil {
		return Found{}, err
	}
	for _, line := range lines(text) {
		if len(line.fields) != passwdFields {
			b.leaveOut(line.number, name(line), "has %d fields, and passwd(5) has %d%s", len(line.fields), passwdFields, line.cut())
			delete(shadow, line.fields[0])
			continue
		}
		second := shadow[line.fields[0]]
		delete(shadow, line.fields[0])
		b.unixAccount(line, line, second)
	}
	b.missing("shadow", shadow)
	return b.Found, nil
}

// Shadow reads shadow(5), with passwd(5) beside it, if that is given.
func Shadow(o Options) (Found, error) {
	b := newBook(o)
	text, err := decode(o.Text, o.Encoding)
	if err != nil {
		return Found{}, err
	}
	passwd, err := b.beside(passwdFields, "passwd")
	if err != nil {
		return Found{}, err
	}
	for _, line := range lines(text) {
		first := passwd[line.fields[0]]
		delete(passwd, line.fields[0])
		switch {
		case len(line.fields) != shadowFields:
			b.leaveOut(line.number, name(line), "has %d fields, and shadow(5) has %d%s", len(line.fields), shadowFields, line.cut())
		case len(o.Beside) > 0 && first.fields == nil:
			b.leaveOut(line.number, name(line), "the passwd file has no such account")
		default:
			b.unixAccount(line, first, line)
		}
	}
	b.missing("passwd", passwd)
	return b.Found, nil
}

// ProFTPD reads the AuthUserFile of ProFTPD, which ftpasswd(8) writes.
func ProFTPD(o Options) (Found, error) {
	b := newBook(o)
	text, err := decode(o.Text, o.Encoding)
	if err != nil {
		return Found{}, err
	}
	b.MinUID = 0
	for _, line := range lines(text) {
		if len(line.fields) != passwdFields {
			b.leaveOut(line.number, name(line), "has %d fields, and an AuthUserFile has %d%s", len(line.fields), passwdFields, line.cut())
			continue
		}
		b.unixAccount(line, line, record{})
	}
	return b.Found, nil
}

// beside reads the second of the two files.
func (b *book) beside(fields int, file string) (map[string]record, error) {
	text, err := decode(b.Beside, b.Encoding)
	if err != nil {
		return nil, err
	}
	records := map[string]record{}
	for _, line := range lines(text) {
		if len(line.fields) != fields {
			b.leaveOut(0, name(line), "line %d of the %s file has %d fields, and not %d%s", line.number, file, len(line.fields), fields, line.cut())
			continue
		}
		records[line.fields[0]] = line
	}
	return records, nil
}

// unixAccount makes an account of its lines in passwd(5) and shadow(5), of which one
// may be missing.
func (b *book) unixAccount(line, passwd, shadow record) {
	if passwd.fields != nil && !b.isPerson(line, passwd) {
		return
	}
	a := b.begin(line.number, line.fields[0])
	if a == nil {
		return
	}
	if passwd.fields != nil {
		b.setHome(a, passwd.fields[5])
		b.addKeys(a)
		b.owner(a)
	}
	switch {
	case shadow.fields != nil:
		b.setUnixHash(a, shadow.fields[1])
		b.setAging(a, shadow.fields)
	case passwd.fields[1] == "x" && len(b.Beside) > 0:
		a.nothing = "has no line in the shadow file that can be read"
	case passwd.fields[1] == "x":
		a.nothing = "has its password in the shadow file, which is not given (--shadow)"
	default:
		b.setUnixHash(a, passwd.fields[1])
	}
	b.end(a)
}

// isPerson notes accounts of the system.
func (b *book) isPerson(line, passwd record) bool {
	const nobody = 65534
	uid, err := strconv.Atoi(passwd.fields[2])
	switch {
	case err != nil:
		b.leaveOut(line.number, name(line), "its UID is no number")
	case uid < b.MinUID || uid == nobody && b.MinUID > 0:
		b.leaveOut(line.number, name(line), "it is an account of the system: its UID is below %d, or that of nobody (--min-uid)", b.MinUID)
	default:
		return true
	}
	return false
}

// setUnixHash knows that usermod, passwd and ftpasswd lock an account with a "!"
// before its hash.
func (b *book) setUnixHash(a *Account, hash string) {
	locked, was := strings.CutPrefix(hash, "!")
	switch locked = strings.TrimPrefix(locked, "!"); {
	case !was || len(locked) < 2:
		a.setHash(hash)
	case len(a.Spec.AuthorizedKeys) > 0:
		a.nothing = "has a password that is locked"
	default:
		a.setHash(locked)
		b.restricted(a, "its password is locked")
	}
}

// setAging reads the fields of shadow(5) about days, which count from 1970.
func (b *book) setAging(a *Account, fields []string) {
	const day, never = 24 * time.Hour, 99999
	if expires := fields[7]; expires != "" && expires != "-1" {
		days, err := strconv.ParseInt(expires, 10, 32)
		if err != nil || days < 0 {
			b.restricted(a, "the day on which it expires is no number")
		} else {
			at := metav1.NewTime(time.Unix(0, 0).UTC().Add(time.Duration(days) * day))
			a.Spec.ExpiresAt = &at
		}
	}
	if maximum, err := strconv.Atoi(fields[4]); err == nil && maximum >= 0 && maximum < never {
		b.unsaid(a, "its password has to be changed every so many days")
	}
	if fields[2] == "0" {
		b.unsaid(a, "its password has to be changed at the next login")
	}
}

// name is the first field, as it is shown. What has no other field may be a piece of
// something that nobody should see.
func name(r record) string {
	if len(r.fields) < 2 {
		return ""
	}
	if checkName(r.fields[0]) != "" {
		return strconv.Quote(shorten(r.fields[0]))
	}
	return r.fields[0]
}

func shorten(s string) string {
	const shown = 40
	if len(s) > shown {
		return s[:shown] + "..."
	}
	return s
}
