package users

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/check"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestRestrictionsOfAKeyAreKept(t *testing.T) {
	for name, tc := range map[string]struct {
		options string
		remote  string
		now     string
		want    error
	}{
		"none":                               {},
		"a network that has the address":     {options: `from="10.0.0.0/8,203.0.113.0/24"`},
		"an address that is the client's":    {options: `from="203.0.113.10"`},
		"a network that has it in IPv6 form": {options: `from="203.0.113.0/24"`, remote: "::ffff:203.0.113.10"},
		"a network that has it not":          {options: `from="10.0.0.0/8"`, want: ErrKeySource},
		"a network without the address":      {options: `from="203.0.113.0/24,!203.0.113.10"`, want: ErrKeySource},
		"a time to come":                     {options: `expiry-time="20300102Z"`, now: "2030-01-01T23:59:59Z"},
		"a time that is over":                {options: `expiry-time="20300102Z"`, now: "2030-01-02T00:00:00Z", want: ErrKeyExpired},
		"a time with minutes":                {options: `expiry-time="203001021530Z"`, now: "2030-01-02T15:29:59Z"},
		"a time with seconds":                {options: `expiry-time="20300102153015Z"`, now: "2030-01-02T15:30:15Z", want: ErrKeyExpired},
		"what there is not here anyway":      {options: `restrict,no-pty,no-X11-forwarding`},
		"the command that there is here":     {options: `command="internal-sftp",no-pty`},
	} {
		t.Run(name, func(t *testing.T) {
			u := alice(t)
			u.AuthorizedKeys = []string{strings.TrimSpace(tc.options + " " + aliceKey)}
			d := directory(t, config.Sessions{}, u)
			if tc.now != "" {
				now, err := time.Parse(time.RFC3339, tc.now)
				if err != nil {
					t.Fatal(err)
				}
				d.now = func() time.Time { return now }
			}
			a := attempt()
			if tc.remote != "" {
				a.Remote = netip.MustParseAddr(tc.remote)
			}
			if _, err := d.Check(t.Context(), a, Key(blob(t, aliceKey))); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestAKeyWithARestrictionThatCannotBeKeptIsNotUsed(t *testing.T) {
	for options, want := range map[string]string{
		`command="backup"`:         `has the option "command"`,
		`verify-required`:          `has the option "verify-required"`,
		`from="*.example.com"`:     "neither an address nor a network",
		`from="!10.0.0.0/8"`:       "nothing that is allowed",
		`expiry-time="tomorrow"`:   "no time",
		`cert-authority`:           "certificate authority",
		`something-of-the-future`:  `has the option "something-of-the-future"`,
		`restrict,command="x y z"`: `has the option "command"`,
	} {
		u := alice(t)
		u.AuthorizedKeys = []string{options + " " + aliceKey}
		d := NewDirectory(0)
		left := d.Set([]config.Shard{{Users: []config.User{u}}}, config.Sessions{})
		if len(left) != 1 || left[0].User != "alice" || left[0].Field != "authorizedKeys[0]" || !strings.Contains(left[0].Reason, want) {
			t.Errorf("%s: left out is %+v, want it to say %q", options, left, want)
		}
		if strings.Contains(fmt.Sprint(left), "AAAA") {
			t.Errorf("%s: the reason holds the key: %v", options, left)
		}
		if _, err := d.Check(t.Context(), attempt(), Key(blob(t, aliceKey))); !errors.Is(err, ErrKey) {
			t.Errorf("%s: got %v, want ErrKey", options, err)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	for _, options := range []string{"", `from="10.0.0.0/8,!10.1.0.0/16" `, `expiry-time="20300102153015Z" `, `restrict,command="internal-sftp" `, `a="\"b" `} {
		f.Add(options + aliceKey)
	}
	f.Fuzz(func(t *testing.T, line string) {
		k, err := check.ParseKey(line)
		if (err == nil) != (len(k.Blob) > 0) {
			t.Errorf("got a key of %d bytes, and %v", len(k.Blob), err)
		}
		if err == nil {
			(&authorizedKey{k}).refuses(attempt(), time.Now())
		}
	})
}

func TestUnchangedUsersAreNotParsedAgain(t *testing.T) {
	t.Parallel()
	list := config.Users{Users: []config.User{alice(t), {Name: "bob", AuthorizedKeys: []string{otherKey, "nonsense"}, Home: "bob", Access: config.AccessReadOnly}}}
	d := NewDirectory(0)
	first := d.Set([]config.Shard{{Users: list.Users}}, config.Sessions{})
	before := map[string]*User{"alice": d.find("alice"), "bob": d.find("bob")}
	list.Users[0].Access = config.AccessReadOnly
	second := d.Set([]config.Shard{{Users: list.Users}}, config.Sessions{})
	if d.find("bob") != before["bob"] || d.find("alice") == before["alice"] {
		t.Error("what has changed is not what was made anew")
	}
	if len(first) != 1 || !slices.Equal(first, second) {
		t.Errorf("of what is unusable is said %v, and then %v", first, second)
	}
	if before["alice"].now() != d.find("alice") {
		t.Error("sessions from before do not see the change")
	}
}

func TestNobodyWaitsForKeysToBeParsed(t *testing.T) {
	list := config.Users{}
	for n := range 3000 {
		list.Users = append(list.Users, config.User{Name: fmt.Sprint("user", n), Home: "h", Access: config.AccessReadOnly, AuthorizedKeys: []string{aliceKey, otherKey}})
	}
	var waited, took time.Duration
	for range 5 { // a busy machine may have it wait for something else
		if waited, took = admitWhileParsing(t, &list); waited < took/2 {
			return
		}
	}
	t.Errorf("a connection has waited for %v of the %v that it took to parse keys", waited, took)
}

// admitWhileParsing returns for how long a connection has waited at most while keys
// were parsed, and how long that took.
func admitWhileParsing(t *testing.T, list *config.Users) (waited, took time.Duration) {
	t.Helper()
	d := NewDirectory(0)
	parsing := make(chan struct{})
	start := time.Now()
	go func() {
		defer close(parsing)
		d.Set([]config.Shard{{Users: list.Users}}, config.Sessions{})
	}()
	for {
		began := time.Now()
		v, err := d.Admit(netip.MustParseAddr("192.0.2.1"), nil)
		if err != nil {
			t.Fatal(err)
		}
		v.Leave()
		waited = max(waited, time.Since(began))
		select {
		case <-parsing:
			return waited, time.Since(start)
		default:
		}
	}
}
