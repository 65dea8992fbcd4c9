package users

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestConnectionsOfAnAddressAreLimitedOverAllProtocols(t *testing.T) {
	a, b := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")
	d := directory(t, config.Sessions{MaxPerAddress: 2})
	first, err := d.Admit(a, nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := d.Admit(netip.MustParseAddr("::ffff:203.0.113.1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Admit(a, nil); !errors.Is(err, ErrAddressFull) {
		t.Errorf("a third of one address: %v", err)
	}
	other, err := d.Admit(b, nil)
	if err != nil {
		t.Errorf("another address: %v", err)
	}
	first.Leave()
	first.Leave()
	third, err := d.Admit(a, nil)
	if err != nil {
		t.Errorf("after one has left: %v", err)
	}
	if _, err := d.Admit(a, nil); !errors.Is(err, ErrAddressFull) {
		t.Errorf("one that leaves twice has left two places: %v", err)
	}
	for _, v := range []*Visit{second, third, other} {
		v.Leave()
	}
	if len(d.before) != 0 || len(d.byAddr) != 0 {
		t.Errorf("when all have left, there are %v and %v", d.before, d.byAddr)
	}
}

func TestAnIPv6NetworkCountsAsOneAddress(t *testing.T) {
	d := directory(t, config.Sessions{MaxPerAddress: 1})
	if _, err := d.Admit(netip.MustParseAddr("2001:db8::1"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Admit(netip.MustParseAddr("2001:db8::2"), nil); !errors.Is(err, ErrAddressFull) {
		t.Errorf("whoever has one address of a /64 has all: got %v", err)
	}
	if _, err := d.Admit(netip.MustParseAddr("2001:db8:0:1::1"), nil); err != nil {
		t.Error(err)
	}
}

// crowded is a directory with room for so many before login, whose time passes.
func crowded(t *testing.T, limits config.Sessions) *Directory {
	d := directory(t, limits, alice(t))
	now := time.Now()
	d.now = func() time.Time { now = now.Add(time.Millisecond); return now }
	return d
}

func TestTheOldestOfTheAddressWithTheMostMakesRoom(t *testing.T) {
	d := crowded(t, config.Sessions{MaxBeforeLogin: 4})
	var gone []string
	visit := func(name, addr string) *Visit {
		v, err := d.Admit(netip.MustParseAddr(addr), func() { gone = append(gone, name) })
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return v
	}
	visit("user", "203.0.113.10")
	visit("crowd1", "203.0.113.66")
	crowd2 := visit("crowd2", "203.0.113.66")
	visit("crowd3", "203.0.113.66")
	visit("crowd4", "203.0.113.66")
	visit("another", "203.0.113.11")
	if got, want := len(gone), 2; got != want || gone[0] != "crowd1" || gone[1] != "crowd2" {
		t.Errorf("%v made room, want the first two of the crowd", gone)
	}
	if _, err := d.Begin(t.Context(), attempt(func(a *Attempt) { a.Visit = crowd2 }), Password("right")); !errors.Is(err, ErrEvicted) {
		t.Errorf("who made room logs in: %v", err)
	}
	crowd2.Leave()
}

func TestWhoIsLoggedInNeverMakesRoom(t *testing.T) {
	d := crowded(t, config.Sessions{MaxBeforeLogin: 1, Max: 2})
	evicted := 0
	admit := func() *Visit {
		v, err := d.Admit(netip.MustParseAddr("203.0.113.10"), func() { evicted++ })
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	user := admit()
	session := begin(t, d, attempt(func(a *Attempt) { a.Visit = user }), Password("right"))
	stranger := admit()
	if evicted != 0 {
		t.Fatal("somebody made room, and there was some")
	}
	session.End() // logs out, and stays connected
	if evicted != 1 || !stranger.gone || user.gone {
		t.Errorf("%d made room for one who has logged out, want the stranger", evicted)
	}
	session = begin(t, d, attempt(func(a *Attempt) { a.Visit = user }), Password("right"))
	session.End()
	user.Leave()
	stranger.Leave()
	if len(d.before) != 0 || len(d.byAddr) != 0 || len(d.sessions) != 0 || len(d.byUser) != 0 {
		t.Errorf("something is left: %v %v %v %v", d.before, d.byAddr, d.sessions, d.byUser)
	}
}

func TestOnlyWhoIsLoggedInCountsAsASession(t *testing.T) {
	d := directory(t, config.Sessions{Max: 1}, alice(t))
	addr := netip.MustParseAddr("203.0.113.10")
	for range 100 {
		if _, err := d.Admit(addr, nil); err != nil {
			t.Fatalf("strangers fill the sessions: %v", err)
		}
	}
	begin(t, d, attempt(), Password("right"))
	if _, err := d.Begin(t.Context(), attempt(), Password("right")); !errors.Is(err, ErrFull) {
		t.Errorf("a second session: %v", err)
	}
	if _, err := d.Admit(addr, nil); !errors.Is(err, ErrFull) {
		t.Errorf("a connection that could not log in: %v", err)
	}
}

func TestTheMemoryLimitsSessionsThatNothingElseDoes(t *testing.T) {
	for memory, want := range map[int64]int{0: 5000, 512 << 20: 2048, 1 << 20: 16} {
		d := NewDirectory(memory)
		d.mu.Lock()
		n := 0
		for ; n < 5000 && !d.full(); n++ {
			d.sessions[&Session{}] = struct{}{}
		}
		d.mu.Unlock()
		if n != want {
			t.Errorf("%d MiB: %d sessions, want %d", memory>>20, n, want)
		}
	}
}
