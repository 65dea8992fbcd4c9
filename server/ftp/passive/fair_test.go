package passive

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

// A poolTest asks a pool for ports of an address of its own.
type poolTest struct {
	*Pool
	t   *testing.T
	own netip.Addr
}

// testPool has an address that no other test uses.
func testPool(t *testing.T, ports uint16) *poolTest {
	own := netip.AddrFrom4([4]byte{127, byte(1 + rand.IntN(250)), byte(rand.IntN(256)), byte(1 + rand.IntN(250))})
	p := &poolTest{NewPool(Options{First: 41000, Last: 41000 + ports - 1, ListenAddr: own}), t, own}
	t.Cleanup(func() { p.Update(Options{}) }) // which closes what nobody awaits
	return p
}

func (p *poolTest) ask(from netip.Addr, user string, timeout time.Duration) (*Wait, error) {
	return p.Await(context.Background(), Request{From: from, User: user, Timeout: 10 * time.Second}, timeout)
}

func (p *poolTest) get(from netip.Addr, user string) *Wait {
	p.t.Helper()
	w, err := p.ask(from, user, 10*time.Second)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(w.Close)
	return w
}

func (p *poolTest) dial(from netip.Addr, w *Wait) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}, Timeout: 10 * time.Second}
	return d.Dial("tcp", netip.AddrPortFrom(p.own, w.Port()).String())
}

var (
	anywhere   = netip.Addr{}
	here       = netip.MustParseAddr("127.0.0.1")
	elsewhere  = netip.MustParseAddr("127.0.0.2")
	shortly    = time.Millisecond
	errNoPorts = ErrExhausted
)

func TestAGrantedPortIsListenedOn(t *testing.T) {
	t.Parallel()
	p := testPool(t, 40)
	for range 100 {
		// As many clients at once that more ports become free than are kept open.
		var waits []*Wait
		for i := range maxSpare + 1 {
			waits = append(waits, p.get(here, strconv.Itoa(i)))
		}
		last := waits[maxSpare]
		for _, w := range waits[:maxSpare] {
			w.Close()
		}
		// The last one's connection comes while another port is chosen.
		conn, err := p.dial(here, last)
		if err != nil {
			t.Fatal(err)
		}
		w := p.get(elsewhere, "b")
		other, err := p.dial(elsewhere, w)
		if err != nil {
			t.Fatalf("a port is closed while it is granted: %v", err)
		}
		other.Close()
		conn.Close()
		last.Close()
		w.Close()
	}
}

func TestOneUserLeavesHalfOfThePortsToOthers(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]netip.Addr{"where addresses are hidden": anywhere, "behind one address": here} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testPool(t, 10)
			for range 5 {
				p.get(from, "greedy")
			}
			if _, err := p.ask(from, "greedy", shortly); !errors.Is(err, errNoPorts) {
				t.Errorf("the sixth port of ten: %v", err)
			}
			for _, user := range []string{"a", "b", "a", "b", "c"} {
				p.get(from, user)
			}
		})
	}
}

func TestAFreePortGoesToTheUserThatHasFewest(t *testing.T) {
	t.Parallel()
	p := testPool(t, 2)
	held := []*Wait{p.get(here, "a"), p.get(here, "b")}
	order := make(chan string, 3)
	queue := func(user string) {
		queued := p.Stats().Queued
		go func() {
			w, err := p.ask(here, user, 10*time.Second)
			if err != nil {
				t.Error(err)
				return
			}
			order <- user
			w.Close()
		}()
		for deadline := time.Now().Add(10 * time.Second); p.Stats().Queued == queued; {
			if time.Now().After(deadline) {
				t.Fatal("nobody waits")
			}
			time.Sleep(time.Millisecond)
		}
	}
	for _, user := range []string{"b", "b", "c"} {
		queue(user)
	}
	held[0].Close()
	if first := <-order; first != "c" {
		t.Errorf("%s was served first, who has a port already", first)
	}
	<-order
	<-order
	held[1].Close()
}

func TestAWaitThatNothingComesOfMakesRoomForItsUser(t *testing.T) {
	t.Parallel()
	p := testPool(t, 2)
	idle := p.get(anywhere, "a")
	w, err := p.ask(anywhere, "a", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	select {
	case <-idle.expired:
	default:
		t.Error("the first wait goes on")
	}
	p.get(anywhere, "b")
}
