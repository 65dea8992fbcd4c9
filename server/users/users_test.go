package users

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/check"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

const (
	aliceKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm8AP6O9MJY0UmrPIH5Y6tDsyX9bSYsMWcJsjF1wMUr alice"
	otherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl other"
)

func hash(t *testing.T, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func blob(t *testing.T, line string) []byte {
	t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	return key.Marshal()
}

// attempt is alice over SFTP.
func attempt(change ...func(*Attempt)) Attempt {
	a := Attempt{User: "alice", Protocol: config.ProtocolSFTP, Remote: netip.MustParseAddr("203.0.113.10")}
	for _, f := range change {
		f(&a)
	}
	return a
}

func alice(t *testing.T) config.User {
	return config.User{Name: "alice", PasswordHash: hash(t, "right"), AuthorizedKeys: []string{aliceKey}, Home: "alice", Access: config.AccessReadWrite}
}

func directory(t *testing.T, sessions config.Sessions, users ...config.User) *Directory {
	t.Helper()
	d := NewDirectory(0)
	if err := d.Set([]config.Shard{{Users: users}}, sessions); err != nil {
		t.Fatal(err)
	}
	return d
}

// checkPassword says why alice may not log in with a password.
func checkPassword(d *Directory, a Attempt, password string) error {
	_, err := d.Check(context.Background(), a, Password(password))
	return err
}

func TestWhoMayLogIn(t *testing.T) {
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for name, tc := range map[string]struct {
		user     func(*config.User)
		attempt  func(*Attempt)
		password string
		want     error
	}{
		"the right password":                   {password: "right"},
		"a wrong password":                     {password: "wrong", want: ErrPassword},
		"no password":                          {password: "", want: ErrPassword},
		"somebody unknown":                     {attempt: func(a *Attempt) { a.User = "bob" }, password: "right", want: ErrUnknown},
		"a user without a password":            {user: func(u *config.User) { u.PasswordHash = "" }, password: "", want: ErrNoPassword},
		"a user who is suspended":              {user: func(u *config.User) { u.Suspended = true }, password: "right", want: ErrSuspended},
		"a user who has expired":               {user: func(u *config.User) { u.ExpiresAt = &past }, password: "right", want: ErrExpired},
		"a user who will expire":               {user: func(u *config.User) { u.ExpiresAt = &future }, password: "right"},
		"a protocol that is not the user's":    {user: func(u *config.User) { u.Protocols = []string{config.ProtocolFTPS} }, password: "right", want: ErrProtocol},
		"a protocol that is the user's":        {user: func(u *config.User) { u.Protocols = []string{config.ProtocolSFTP} }, password: "right"},
		"an address that is not the user's":    {user: func(u *config.User) { u.AllowedSources = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }, password: "right", want: ErrSource},
		"an address that is the user's":        {user: func(u *config.User) { u.AllowedSources = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")} }, password: "right"},
		"an IPv4 address in IPv6's form":       {user: func(u *config.User) { u.AllowedSources = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")} }, attempt: func(a *Attempt) { a.Remote = netip.MustParseAddr("::ffff:203.0.113.10") }, password: "right"},
		"a wrong password of a suspended user": {user: func(u *config.User) { u.Suspended = true }, password: "wrong", want: ErrPassword},
	} {
		t.Run(name, func(t *testing.T) {
			u := alice(t)
			if tc.user != nil {
				tc.user(&u)
			}
			d := directory(t, config.Sessions{}, u)
			a := attempt()
			if tc.attempt != nil {
				tc.attempt(&a)
			}
			for range 2 { // the second time from the cache
				err := checkPassword(d, a, tc.password)
				if !errors.Is(err, tc.want) {
					t.Errorf("got %v; want %v", err, tc.want)
				}
				if err != nil && !errors.Is(err, ErrLogin) {
					t.Errorf("%v is not ErrLogin", err)
				}
			}
		})
	}
}

func TestHashFormatsOfCryptAreTaken(t *testing.T) {
	for name, h := range map[string]string{
		// As `openssl passwd` prints them.
		"SHA-512-crypt": "$6$saltstring$sWxm9GdnWvq354Rrr3cJ49bnU42uWlCgjcwLSQEwSw4oss4XrvyKNtQ0I48ftPb9O6s9ikPaKTH42CwjipwvU.",
		"SHA-256-crypt": "$5$saltstring$PH9/qgGmdjNzva2TJ8SOxB1k28j1/9rgeFVRvirPTzC",
		"bcrypt":        hash(t, "right"),
	} {
		u := alice(t)
		u.PasswordHash = h
		if err := checkPassword(directory(t, config.Sessions{}, u), attempt(), "right"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnUnknownUserCostsAHash(t *testing.T) {
	d := directory(t, config.Sessions{}, alice(t))
	if got, want := d.decoy("nobody"), d.find("alice").config.PasswordHash; got != want {
		t.Errorf("the decoy is %q, want one of the users' hashes, which alone costs as much as theirs", got)
	}
	if err := checkPassword(d, attempt(func(a *Attempt) { a.User = "nobody" }), "right"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v for the password of the decoy, want ErrUnknown", err)
	}
	if d.hashes.verified.Len() != 0 {
		t.Error("the password of the decoy is remembered, so that the next answer comes at once")
	}
}

func TestADirectoryWithoutHashesHasADecoy(t *testing.T) {
	hash, err := check.ParseHash(NewDirectory(0).decoy("nobody"))
	if err != nil {
		t.Fatalf("the decoy is no hash, so an unknown user is told at once: %v", err)
	}
	if hash.Match("x") {
		t.Error("the decoy has a password")
	}
}

func TestLoginsRunSideBySide(t *testing.T) {
	t.Parallel()
	var dirs []*Directory
	for range 8 {
		dirs = append(dirs, directory(t, config.Sessions{}, alice(t)))
	}
	var all sync.WaitGroup
	for _, d := range dirs {
		all.Go(func() {
			if err := checkPassword(d, attempt(), "right"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestAChangedPasswordIsNotTakenFromTheCache(t *testing.T) {
	u := alice(t)
	d := directory(t, config.Sessions{}, u)
	if err := checkPassword(d, attempt(), "right"); err != nil {
		t.Fatal(err)
	}
	u.PasswordHash = hash(t, "new")
	if err := d.Set([]config.Shard{{Users: []config.User{u}}}, config.Sessions{}); err != nil {
		t.Fatal(err)
	}
	if err := checkPassword(d, attempt(), "right"); !errors.Is(err, ErrPassword) {
		t.Errorf("the old password: got %v, want ErrPassword", err)
	}
	if err := checkPassword(d, attempt(), "new"); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

func TestKeys(t *testing.T) {
	d := directory(t, config.Sessions{Ban: config.Ban{Failures: 1}}, alice(t))
	if _, err := d.Check(t.Context(), attempt(), Key(blob(t, otherKey))); !errors.Is(err, ErrKey) {
		t.Errorf("another key: got %v, want ErrKey", err)
	}
	if _, err := d.Check(t.Context(), attempt(), Key(blob(t, aliceKey))); err != nil {
		t.Errorf("the user's key: %v; a key that was refused before must not count as a failure", err)
	}
	if _, err := d.Check(t.Context(), attempt(func(a *Attempt) { a.User = "bob" }), Key(blob(t, aliceKey))); !errors.Is(err, ErrUnknown) {
		t.Errorf("somebody unknown: got %v, want ErrUnknown", err)
	}
}

func TestWhatIsUnusableIsSaidWithoutShowingIt(t *testing.T) {
	u := alice(t)
	u.AuthorizedKeys = []string{"not-a-key SECRET", aliceKey}
	u.PasswordHash = "SECRET"
	d := NewDirectory(0)
	left := d.Set([]config.Shard{{Users: []config.User{u}}}, config.Sessions{})
	if len(left) != 2 || left[0] != (config.LeftOut{User: "alice", Field: "authorizedKeys[0]", Reason: "is no public key"}) || strings.Contains(fmt.Sprint(left), "SECRET") {
		t.Errorf("left out is %v", left)
	}
	if _, err := d.Check(t.Context(), attempt(), Key(blob(t, aliceKey))); err != nil {
		t.Errorf("the key that is one: %v", err)
	}
}

func TestAnAddressIsBannedAfterFailuresAndForgiven(t *testing.T) {
	d := directory(t, config.Sessions{Ban: config.Ban{Failures: 3, Window: config.Duration(time.Minute), Duration: config.Duration(time.Hour)}}, alice(t))
	now := time.Now()
	d.bans.now = func() time.Time { return now }
	fail := func() { checkPassword(d, attempt(), "wrong") }
	fail()
	fail()
	now = now.Add(time.Minute) // a new window
	fail()
	fail()
	if err := checkPassword(d, attempt(), "right"); err != nil {
		t.Fatalf("banned after two failures in a window: %v", err)
	}
	fail()
	if err := checkPassword(d, attempt(), "right"); !errors.Is(err, ErrBanned) {
		t.Fatalf("got %v after three failures, want ErrBanned", err)
	}
	if err := checkPassword(d, attempt(func(a *Attempt) { a.Remote = netip.MustParseAddr("203.0.113.11") }), "right"); err != nil {
		t.Errorf("another address: %v", err)
	}
	now = now.Add(time.Hour)
	if err := checkPassword(d, attempt(), "right"); err != nil {
		t.Errorf("after the ban: %v", err)
	}
}

func TestIPv6IsBannedByItsNetwork(t *testing.T) {
	d := directory(t, config.Sessions{Ban: config.Ban{Failures: 1}}, alice(t))
	d.Failed(attempt(func(a *Attempt) { a.Remote = netip.MustParseAddr("2001:db8::1") }))
	if !d.Banned(netip.MustParseAddr("2001:db8::ffff")) || d.Banned(netip.MustParseAddr("2001:db8:0:1::1")) {
		t.Error("an IPv6 address is banned with its /64 and no more")
	}
}

func TestSessionsOfAUserAreLimited(t *testing.T) {
	d := directory(t, config.Sessions{MaxPerUser: 2}, alice(t))
	ftp := attempt(func(a *Attempt) { a.Protocol = config.ProtocolFTP })
	first := begin(t, d, attempt(), Password("right"))
	begin(t, d, ftp, Password("right"))
	if _, err := d.Begin(t.Context(), ftp, Password("right")); !errors.Is(err, ErrTooMany) {
		t.Errorf("got %v, want ErrTooMany: sessions count over all protocols", err)
	}
	first.End()
	first.End()
	begin(t, d, ftp, Password("right"))
}

// begin begins a session.
func begin(t *testing.T, d *Directory, a Attempt, p Proof) *Session {
	t.Helper()
	s, err := d.Begin(t.Context(), a, p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSessionsEndWithTheirUser(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*config.Users)
		done   bool
	}{
		"a user who is removed":          {func(u *config.Users) { u.Users = nil }, true},
		"a user who is suspended":        {func(u *config.Users) { u.Users[0].Suspended = true }, true},
		"a user who expires now":         {func(u *config.Users) { past := time.Now(); u.Users[0].ExpiresAt = &past }, true},
		"a user who loses the protocol":  {func(u *config.Users) { u.Users[0].Protocols = []string{config.ProtocolFTP} }, true},
		"a user with another home":       {func(u *config.Users) { u.Users[0].Home = "elsewhere" }, true},
		"a user with other permissions":  {func(u *config.Users) { u.Users[0].Access = config.AccessReadOnly }, false},
		"a user with another password":   {func(u *config.Users) { u.Users[0].PasswordHash = "" }, true},
		"a user with other keys":         {func(u *config.Users) { u.Users[0].AuthorizedKeys = nil }, false},
		"a user who needs a key as well": {func(u *config.Users) { u.Users[0].RequireAll = true }, true},
		"a user from elsewhere":          {func(u *config.Users) { u.Users[0].AllowedSources = prefixes("10.0.0.0/8") }, true},
		"a user who is none the worse":   {func(*config.Users) {}, false},
		"a user who expires in a moment": {func(u *config.Users) { soon := time.Now().Add(20 * time.Millisecond); u.Users[0].ExpiresAt = &soon }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			users := &config.Users{Users: []config.User{alice(t)}}
			d := NewDirectory(0)
			if err := d.Set([]config.Shard{{Users: users.Users}}, config.Sessions{}); err != nil {
				t.Fatal(err)
			}
			s := begin(t, d, attempt(), Password("right"))
			defer s.End()
			tc.change(users)
			if err := d.Set([]config.Shard{{Users: users.Users}}, config.Sessions{}); err != nil {
				t.Fatal(err)
			}
			if !tc.done {
				select {
				case <-s.Done():
					t.Error("the session is done")
				default:
				}
				return
			}
			select {
			case <-s.Done():
			case <-time.After(10 * time.Second):
				t.Error("the session goes on")
			}
		})
	}
}

func prefixes(networks ...string) (out []netip.Prefix) {
	for _, n := range networks {
		out = append(out, netip.MustParsePrefix(n))
	}
	return out
}
