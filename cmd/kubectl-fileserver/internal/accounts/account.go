package accounts

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// Options say what to read, and what to make of it.
type Options struct {
	Text     []byte // of the dump
	Encoding string // its name as the WHATWG has it, such as windows-1252; default UTF-8, or what a byte order mark says

	// Beside is the other one of the two files passwd(5) and shadow(5).
	Beside []byte
	// MinUID is the smallest UID of who is no system account, in passwd(5).
	MinUID int

	// Homes are folders of the old server: what is below one keeps its path from
	// there on, below the root of the storage. The first that matches counts.
	Homes []string
	// Keys is where the users' public keys are, as sshd_config(5) has it for
	// AuthorizedKeysFile: %u is the user, %h the home. It may be a pattern for
	// several files. Empty: there are none.
	Keys string

	// Config is the text of vsftpd.conf(5), and UserConfig the folder with a
	// file of that kind for each user. Empty: there is none.
	Config     []byte
	UserConfig string

	// NewPasswords has those come along who could log in with nothing: the
	// operator makes a password for each.
	NewPasswords bool
}

// An Account is somebody who may log in.
type Account struct {
	Line int // on which the account begins
	Name string
	Spec v1alpha1.FileServerUserSpec
	// Password is one, or the hash of one; empty without.
	Password string

	home    string // in the old server
	nothing string // why there is no password
}

// An Outcome is what became of what a note is about.
type Outcome string

const (
	// CameAlong is what is used as it was.
	CameAlong Outcome = "came along"
	// LeftOut is a line that made no account.
	LeftOut Outcome = "left out"
	// Suspended is an account with a restriction that cannot be said.
	Suspended Outcome = "suspended"
	// Unsaid is a property of an account that cannot be said.
	Unsaid Outcome = "not said"
)

// A Note says what did not come along, and why.
type Note struct {
	Line    int // 0: the dump as a whole
	Account string
	Outcome Outcome
	Reason  string
}

// Found is what a dump has.
type Found struct {
	Accounts []*Account
	Notes    []Note
}

// A book is where a reader keeps what it finds.
type book struct {
	Options
	Found
	lines map[string]int // of names
}

func newBook(o Options) *book { return &book{Options: o, lines: map[string]int{}} }

func (b *book) note(line int, account string, outcome Outcome, format string, args ...any) {
	b.Notes = append(b.Notes, Note{line, account, outcome, fmt.Sprintf(format, args...)})
}

func (b *book) leaveOut(line int, account, format string, args ...any) {
	b.note(line, account, LeftOut, format, args...)
}

// unsaid notes something that makes the account neither safer nor less safe.
func (b *book) unsaid(a *Account, format string, args ...any) {
	b.note(a.Line, a.Name, Unsaid, format, args...)
}

// restricted notes something that has kept somebody out.
func (b *book) restricted(a *Account, format string, args ...any) {
	a.Spec.State = v1alpha1.UserSuspended
	b.note(a.Line, a.Name, Suspended, format, args...)
}

// owner notes that the account's files have an owner of their own.
func (b *book) owner(a *Account) {
	b.unsaid(a, "its files have a UID of their own: those of a FileServer all belong to one user, see spec.podTemplate.securityContext")
}

// begin makes an account; nil, with a note, if there can be none of that name.
func (b *book) begin(line int, name string) *Account {
	if err := checkName(name); err != "" {
		b.leaveOut(line, fmt.Sprintf("%.40q", name), "its name %s", err)
		return nil
	}
	if first, ok := b.lines[name]; ok {
		b.leaveOut(line, name, "line %d has the name already", first)
		return nil
	}
	b.lines[name] = line
	return &Account{Line: line, Name: name}
}

// end puts an account into the book.
func (b *book) end(a *Account) {
	keys := len(a.Spec.AuthorizedKeys) > 0
	switch {
	case a.nothing == "" && a.Password == "":
		a.nothing = "has no password"
	case a.Password != "":
		a.nothing = ""
	}
	switch {
	case a.nothing == "":
	case keys && a.Spec.Authentication == v1alpha1.AuthenticateAll:
		b.leaveOut(a.Line, a.Name, "needs a password besides its key, and %s", a.nothing)
		return
	case keys && a.nothing != "has no password":
		b.unsaid(a, "%s: it logs in with its keys alone", a.nothing)
	case keys:
	case b.NewPasswords:
		a.Spec.Password = &v1alpha1.Password{}
		b.unsaid(a, "has no key that can be used, and %s: it gets a new password", a.nothing)
	default:
		b.leaveOut(a.Line, a.Name, "has no key that can be used, and %s (--new-passwords makes a password)", a.nothing)
		return
	}
	b.bounds(a)
	b.Accounts = append(b.Accounts, a)
}

// Most of what a FileServerUser takes.
const (
	maxKeys    = 64
	maxSources = 64
	maxPaths   = 64
)

func (b *book) bounds(a *Account) {
	if n := len(a.Spec.AuthorizedKeys); n > maxKeys {
		a.Spec.AuthorizedKeys = a.Spec.AuthorizedKeys[:maxKeys]
		b.unsaid(a, "has %d keys, of which the first %d come along: put all into a ConfigMap, and name it in authorizedKeysFrom", n, maxKeys)
	}
	if n := len(a.Spec.AllowedSources); n > maxSources {
		a.Spec.AllowedSources = nil
		b.restricted(a, "may come from %d networks, and %d can be said", n, maxSources)
	}
	if n := len(a.Spec.Paths); n > maxPaths {
		a.Spec.Paths = nil
		b.restricted(a, "has rules for %d paths, and %d can be said", n, maxPaths)
	}
}

// missing notes what a second file has, and the first has not.
func (b *book) missing(file string, others map[string]record) {
	names := make([]string, 0, len(others))
	for name := range others {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int { return others[x].number - others[y].number })
	for _, name := range names {
		b.leaveOut(0, name, "line %d of the %s file has it, and the dump has not", others[name].number, file)
	}
}

// checkName says why nobody can log in by a name; empty if somebody can.
func checkName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case !utf8.ValidString(name):
		return "is not in UTF-8: say which encoding the dump has (--encoding)"
	case utf8.RuneCountInString(name) > 128:
		return "is longer than 128 characters"
	case name == "." || name == "..", !usable(name):
		return "has a space, '/', ':', a backslash or a control character, or is only dots"
	}
	return ""
}

// usable is the pattern of FileServerUserSpec.Username.
func usable(name string) bool {
	for _, r := range name {
		if r <= ' ' || r == 0x7f || r == '/' || r == ':' || r == '\\' {
			return false
		}
	}
	return true
}
