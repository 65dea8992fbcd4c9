package users

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestConnectionsAreLimitedOverAllProtocols(t *testing.T) {
	a, b := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")
	d := directory(t, config.Sessions{Max: 3, MaxPerAddress: 2})
	for _, step := range []struct {
		name string
		addr netip.Addr
		want error
	}{
		{"the first", a, nil},
		{"the same address in IPv6's form", netip.MustParseAddr("::ffff:203.0.113.1"), nil},
		{"a third of one address", a, ErrAddressFull},
		{"another address", b, nil},
		{"a fourth", b, ErrFull},
	} {
		if err := d.Admit(step.addr); !errors.Is(err, step.want) {
			t.Errorf("%s: got %v, want %v", step.name, err, step.want)
		}
	}
	d.Leave(a)
	if err := d.Admit(b); err != nil {
		t.Errorf("after one has left: %v", err)
	}
	d.Leave(b)
	d.Leave(b)
	d.Leave(a)
	if d.admitted != 0 || len(d.byAddr) != 0 {
		t.Errorf("when all have left, %d are counted, from %v", d.admitted, d.byAddr)
	}
	if err := d.Set(&config.Users{}, config.Sessions{}); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := d.Admit(a); err != nil {
			t.Fatalf("without limits: %v", err)
		}
	}
}
