package users

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestWhoIsChangedSinceTheCheckDoesNotGetIn(t *testing.T) {
	t.Parallel()
	past := time.Now().Add(-time.Second)
	for name, change := range map[string]func(*config.User){
		"removed":             nil,
		"suspended":           func(u *config.User) { u.Suspended = true },
		"expired":             func(u *config.User) { u.ExpiresAt = &past },
		"from elsewhere":      func(u *config.User) { u.AllowedSources = prefixes("10.0.0.0/8") },
		"another protocol":    func(u *config.User) { u.Protocols = []string{config.ProtocolFTPS} },
		"another password":    func(u *config.User) { u.PasswordHash = hash(t, "another") },
		"without a password":  func(u *config.User) { u.PasswordHash = "" },
		"in need of a key":    func(u *config.User) { u.RequireAll = true },
		"and one who is back": func(u *config.User) { u.Name = "alice2" },
	} {
		account := alice(t)
		d := directory(t, config.Sessions{}, account)
		checked, err := d.Check(t.Context(), attempt(), Password("right"))
		if err != nil {
			t.Fatal(err)
		}
		var list config.Users
		if change != nil {
			change(&account)
			list.Users = append(list.Users, account)
		}
		if err := d.Set([]config.Shard{{Users: list.Users}}, config.Sessions{}); err != nil {
			t.Fatal(err)
		}
		if s, err := d.Begin(t.Context(), attempt(), checked.Proof); !errors.Is(err, ErrLogin) {
			t.Errorf("%s: begun as %v, %v", name, s, err)
		}
	}
}

func TestASessionBeginsWithTheAccountAsItIsThen(t *testing.T) {
	t.Parallel()
	account := alice(t)
	d := directory(t, config.Sessions{}, account)
	checked, err := d.Check(t.Context(), attempt(), Password("right"))
	if err != nil {
		t.Fatal(err)
	}
	account.Home, account.Limits.Bandwidth.Upload = "elsewhere", 7
	if err := d.Set([]config.Shard{{Users: []config.User{account}}}, config.Sessions{}); err != nil {
		t.Fatal(err)
	}
	s := begin(t, d, attempt(), checked.Proof)
	if s.User.Home() != "elsewhere" || s.User.Limits().Bandwidth.Upload != 7 {
		t.Errorf("the session is in %s, with %+v", s.User.Home(), s.User.Limits())
	}
}

func TestSessionsEndWithTheirCredential(t *testing.T) {
	t.Parallel()
	both := Password("right").And(Key(blob(t, aliceKey)))
	authority := []byte("authority")
	soon := time.Now().Add(time.Hour).UTC().Format("20060102150405Z")
	for name, tc := range map[string]struct {
		proof  Proof
		change func(*config.User, *Directory)
		done   bool
	}{
		"a key that is gone":               {Key(blob(t, aliceKey)), func(u *config.User, _ *Directory) { u.AuthorizedKeys = []string{otherKey} }, true},
		"a key beside another":             {Key(blob(t, aliceKey)), func(u *config.User, _ *Directory) { u.AuthorizedKeys = []string{otherKey, aliceKey} }, false},
		"a key that may be used elsewhere": {Key(blob(t, aliceKey)), func(u *config.User, _ *Directory) { u.AuthorizedKeys = []string{`from="10.0.0.1" ` + aliceKey} }, true},
		"a key that expires later": {Key(blob(t, aliceKey)), func(u *config.User, _ *Directory) {
			u.AuthorizedKeys = []string{`expiry-time="` + soon + `" ` + aliceKey}
		}, false},
		"a key, and another password":          {Key(blob(t, aliceKey)), func(u *config.User, _ *Directory) { u.PasswordHash = hash(t, "new") }, false},
		"both, and another password":           {both, func(u *config.User, _ *Directory) { u.PasswordHash = hash(t, "new") }, true},
		"both, and the key is gone":            {both, func(u *config.User, _ *Directory) { u.AuthorizedKeys = nil }, true},
		"both, and both are needed":            {both, func(u *config.User, _ *Directory) { u.RequireAll = true }, false},
		"a certificate, and other credentials": {Certificate(authority, time.Time{}), func(u *config.User, _ *Directory) { u.PasswordHash, u.AuthorizedKeys = "", nil }, false},
		"a certificate of one that is gone":    {Certificate(authority, time.Time{}), func(_ *config.User, d *Directory) { d.SetAuthorities(nil) }, true},
	} {
		account := alice(t)
		d := directory(t, config.Sessions{}, account)
		d.SetAuthorities([][]byte{authority})
		s := begin(t, d, attempt(), tc.proof)
		tc.change(&account, d)
		if err := d.Set([]config.Shard{{Users: []config.User{account}}}, config.Sessions{}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-s.Done():
			if !tc.done {
				t.Errorf("%s: the session is done", name)
			}
		default:
			if tc.done {
				t.Errorf("%s: the session goes on", name)
			}
		}
		s.End()
	}
}

func TestASessionEndsWhenItsKeyExpires(t *testing.T) {
	t.Parallel()
	account := alice(t)
	// The option has whole seconds.
	account.AuthorizedKeys = []string{fmt.Sprintf(`expiry-time="%s" %s`, time.Now().Add(2*time.Second).UTC().Format("20060102150405Z"), aliceKey)}
	d := directory(t, config.Sessions{}, account)
	s := begin(t, d, attempt(), Key(blob(t, aliceKey)))
	select {
	case <-s.Done():
	case <-time.After(10 * time.Second):
		t.Error("the session goes on")
	}
}

func TestNothingIsNoProof(t *testing.T) {
	t.Parallel()
	d := directory(t, config.Sessions{}, alice(t))
	if _, err := d.Begin(t.Context(), attempt(), Proof{}); !errors.Is(err, ErrLogin) {
		t.Errorf("got %v", err)
	}
	if _, err := d.Begin(t.Context(), attempt(), Certificate([]byte("nobody"), time.Time{})); !errors.Is(err, ErrAuthority) {
		t.Errorf("got %v for a certificate of an authority that is not trusted", err)
	}
}

func TestASessionEndsWhenItsCertificateExpires(t *testing.T) {
	t.Parallel()
	d := directory(t, config.Sessions{}, alice(t))
	d.SetAuthorities([][]byte{[]byte("authority")})
	s := begin(t, d, attempt(), Certificate([]byte("authority"), time.Now().Add(time.Second)))
	select {
	case <-s.Done():
	case <-time.After(10 * time.Second):
		t.Error("the session goes on")
	}
	// Who holds the signature back does not get in with it any more.
	if _, err := d.Begin(t.Context(), attempt(), Certificate([]byte("authority"), time.Now())); !errors.Is(err, ErrCertificate) || WrongCredential(err) {
		t.Errorf("got %v", err)
	}
}
