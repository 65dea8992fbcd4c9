package users

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestOnlyAWrongCredentialCountsTowardsABan(t *testing.T) {
	t.Parallel()
	past := time.Now().Add(-time.Hour)
	for name, tc := range map[string]struct {
		user   func(*config.User)
		who    string
		proof  Proof
		counts bool
	}{
		"a wrong password":                      {proof: Password("wrong"), counts: true},
		"somebody unknown":                      {who: "nobody", proof: Password("right"), counts: true},
		"no password where there is none":       {user: func(u *config.User) { u.PasswordHash = "" }, proof: Password(""), counts: true},
		"the right password":                    {proof: Password("right")},
		"the right one of who is suspended":     {user: func(u *config.User) { u.Suspended = true }, proof: Password("right")},
		"a wrong one of who is suspended":       {user: func(u *config.User) { u.Suspended = true }, proof: Password("wrong"), counts: true},
		"the right one of who has expired":      {user: func(u *config.User) { u.ExpiresAt = &past }, proof: Password("right")},
		"the right one from elsewhere":          {user: func(u *config.User) { u.AllowedSources = prefixes("10.0.0.0/8") }, proof: Password("right")},
		"the right one, another protocol":       {user: func(u *config.User) { u.Protocols = []string{"ftp"} }, proof: Password("right")},
		"the right one, and that is not enough": {user: func(u *config.User) { u.RequireAll = true }, proof: Password("right"), counts: true},
		"a wrong one, and that is not enough":   {user: func(u *config.User) { u.RequireAll = true }, proof: Password("wrong"), counts: true},
	} {
		u := alice(t)
		if tc.user != nil {
			tc.user(&u)
		}
		d := directory(t, config.Sessions{Ban: config.Ban{Failures: 2}}, u)
		a := attempt(func(a *Attempt) {
			if tc.who != "" {
				a.User = tc.who
			}
		})
		for range 5 {
			d.Begin(t.Context(), a, tc.proof)
		}
		if d.Banned(a.Remote) != tc.counts {
			t.Errorf("%s: banned: %v", name, d.Banned(a.Remote))
		}
	}
}

func TestABanEndsForWhoTriesAllTheWhile(t *testing.T) {
	t.Parallel()
	d := directory(t, config.Sessions{Ban: config.Ban{Failures: 1, Window: config.Duration(time.Minute), Duration: config.Duration(time.Hour)}}, alice(t))
	now := time.Now()
	d.bans.now = func() time.Time { return now }
	d.Failed(attempt())
	for range 59 {
		now = now.Add(time.Minute)
		if err := checkPassword(d, attempt(), "right"); !errors.Is(err, ErrBanned) {
			t.Fatalf("got %v during the ban", err)
		}
		d.Failed(attempt()) // one that was under way
	}
	now = now.Add(time.Minute)
	if err := checkPassword(d, attempt(), "right"); err != nil {
		t.Errorf("the ban goes on: %v", err)
	}
}

func TestAGuessDuringABanCostsNothing(t *testing.T) {
	t.Parallel()
	d := directory(t, config.Sessions{Ban: config.Ban{Failures: 1}}, alice(t))
	d.Failed(attempt())
	d.hashes.turns.slots = 0 // what waits for a turn waits for ever
	if err := checkPassword(d, attempt(), "wrong"); !errors.Is(err, ErrBanned) {
		t.Errorf("got %v", err)
	}
}

func TestNetworksThatAreExemptAreNotBanned(t *testing.T) {
	t.Parallel()
	limits := config.Sessions{Ban: config.Ban{Failures: 1}}
	d := directory(t, limits, alice(t))
	office := attempt(func(a *Attempt) { a.Remote = netip.MustParseAddr("::ffff:203.0.113.10") })
	d.Failed(office)
	if !d.Banned(office.Remote) {
		t.Fatal("there is no ban")
	}
	limits.Ban.Exempt = prefixes("203.0.113.0/24", "fe80::/10")
	if err := d.Set([]config.Shard{{Users: []config.User{alice(t)}}}, limits); err != nil {
		t.Fatal(err)
	}
	if d.Banned(office.Remote) {
		t.Error("a ban from before goes on")
	}
	local := netip.MustParseAddr("fe80::1%eth0")
	d.Failed(attempt(func(a *Attempt) { a.Remote = local }))
	if d.Banned(local) {
		t.Error("an address with a zone is not of its network")
	}
}

func TestAnAddressWithAZoneIsOfItsNetwork(t *testing.T) {
	t.Parallel()
	u := alice(t)
	u.AllowedSources = prefixes("fe80::/10")
	u.AuthorizedKeys = []string{`from="fe80::/10" ` + aliceKey}
	d := directory(t, config.Sessions{}, u)
	a := attempt(func(a *Attempt) { a.Remote = netip.MustParseAddr("fe80::1%eth0") })
	begin(t, d, a, Password("right"))
	begin(t, d, a, Key(blob(t, aliceKey)))
}

func TestManyFailuresTakeNoRoomFromBans(t *testing.T) {
	t.Parallel()
	d := directory(t, config.Sessions{Ban: config.Ban{Failures: 2}}, alice(t))
	banned := attempt()
	d.Failed(banned)
	d.Failed(banned)
	for n := range maxBanned + 10 {
		d.bans.failed(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}))
	}
	if !d.Banned(banned.Remote) {
		t.Error("failures from many addresses have lifted a ban")
	}
	if n := len(d.bans.addrs); n > maxBanned {
		t.Errorf("%d addresses are remembered", n)
	}
}
