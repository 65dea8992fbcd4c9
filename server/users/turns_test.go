package users

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func from(addr string) netip.Prefix { return block(netip.MustParseAddr(addr)) }

// wanted asks for a turn, and returns what tells whether it has come.
func wanted(ctx context.Context, turns *turns, addr string, memory int64) (come *atomic.Bool, err *error) {
	come, err = new(atomic.Bool), new(error)
	go func() {
		*err = turns.take(ctx, from(addr), "", memory)
		come.Store(*err == nil)
	}()
	synctest.Wait()
	return come, err
}

func TestOneAddressNeverTakesAllTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(3, 100)
		var crowd []*atomic.Bool
		for range 5 {
			come, _ := wanted(t.Context(), turns, "192.0.2.66", 0)
			crowd = append(crowd, come)
		}
		if !crowd[0].Load() || !crowd[1].Load() || crowd[2].Load() {
			t.Error("an address alone has all turns but one")
		}
		user, _ := wanted(t.Context(), turns, "192.0.2.1", 0)
		if !user.Load() {
			t.Error("another address has to wait for it")
		}
		another, _ := wanted(t.Context(), turns, "192.0.2.2", 0)
		turns.give(from("192.0.2.1"), 0)
		synctest.Wait()
		if !another.Load() || crowd[2].Load() {
			t.Error("a place that becomes free goes to the crowd")
		}
		turns.give(from("192.0.2.2"), 0)
		turns.give(from("192.0.2.66"), 0)
		synctest.Wait()
		if !crowd[2].Load() {
			t.Error("nobody else waits, and the crowd does not go on")
		}
		for range 2 { // those under way; then the last two are
			turns.give(from("192.0.2.66"), 0)
		}
		synctest.Wait()
		for range 2 {
			turns.give(from("192.0.2.66"), 0)
		}
		synctest.Wait()
		if turns.running != 0 || turns.used != 0 || len(turns.held)+len(turns.waiting)+len(turns.order) != 0 {
			t.Errorf("something is left: %+v", turns)
		}
	})
}

func TestWhoHasLeftTakesNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1, 100)
		wanted(t.Context(), turns, "192.0.2.1", 0)
		ctx, leave := context.WithCancel(t.Context())
		gone, err := wanted(ctx, turns, "192.0.2.2", 0)
		next, _ := wanted(t.Context(), turns, "192.0.2.2", 0)
		leave()
		synctest.Wait()
		if !errors.Is(*err, context.Canceled) {
			t.Errorf("who has left waits on: %v", *err)
		}
		turns.give(from("192.0.2.1"), 0)
		synctest.Wait()
		if gone.Load() || !next.Load() {
			t.Error("who has left has the turn")
		}
		turns.give(from("192.0.2.2"), 0)
		if _, err := wanted(ctx, turns, "192.0.2.3", 0); *err == nil {
			t.Error("who has left before gets one")
		}
		if turns.running != 0 || len(turns.held)+len(turns.waiting)+len(turns.order) != 0 {
			t.Errorf("something is left: %+v", turns)
		}
	})
}

func TestHashesShareTheMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(10, 100)
		first, _ := wanted(t.Context(), turns, "192.0.2.1", 40)
		second, _ := wanted(t.Context(), turns, "192.0.2.2", 40)
		large, _ := wanted(t.Context(), turns, "192.0.2.3", 80)
		small, _ := wanted(t.Context(), turns, "192.0.2.4", 10)
		none, _ := wanted(t.Context(), turns, "192.0.2.5", 0)
		if !first.Load() || !second.Load() || large.Load() {
			t.Error("the budget does not hold")
		}
		if small.Load() {
			t.Error("small ones overtake a large one, which may wait for ever")
		}
		if !none.Load() {
			t.Error("one that needs no memory waits for some")
		}
		turns.give(from("192.0.2.1"), 40)
		turns.give(from("192.0.2.2"), 40)
		synctest.Wait()
		if !large.Load() || !small.Load() {
			t.Error("what is given back is not used")
		}
	})
}

func TestAnAddressLeavesMemoryForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(10, 100)
		wanted(t.Context(), turns, "192.0.2.66", 40)
		again, _ := wanted(t.Context(), turns, "192.0.2.66", 40)
		user, _ := wanted(t.Context(), turns, "192.0.2.1", 40)
		if again.Load() || !user.Load() {
			t.Error("one address takes the memory of all")
		}
	})
}

func TestNamesBehindOneAddressTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1, 100)
		office := from("192.0.2.1")
		if err := turns.take(t.Context(), office, "robot", 0); err != nil {
			t.Fatal(err)
		}
		var order []string
		for _, name := range []string{"robot", "robot", "robot", "alice", "robot", "bob", "alice"} {
			go func() {
				if turns.take(t.Context(), office, name, 0) == nil {
					order = append(order, name) // one at a time
					turns.give(office, 0)
				}
			}()
			synctest.Wait()
		}
		turns.give(office, 0)
		synctest.Wait()
		if got, want := fmt.Sprint(order), "[robot alice bob robot alice robot robot]"; got != want {
			t.Errorf("the order is %s, want %s", got, want)
		}
	})
}

func TestTurnsAreNeverTooMany(t *testing.T) {
	t.Parallel()
	const slots, memory = 4, 100
	turns := newTurns(slots, memory)
	var all sync.WaitGroup
	var running, used atomic.Int64
	for n := range 200 {
		all.Go(func() {
			ctx, leave := context.WithCancel(context.Background())
			if n%7 == 0 {
				go leave()
			}
			defer leave()
			who, need := from([]string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}[n%3]), int64(n%5*20)
			if turns.take(ctx, who, []string{"a", "b"}[n%2], need) != nil {
				return
			}
			if running.Add(1) > slots || used.Add(need) > memory {
				t.Error("too many at once")
			}
			running.Add(-1)
			used.Add(-need)
			turns.give(who, need)
		})
	}
	all.Wait()
	if turns.running != 0 || turns.used != 0 || len(turns.held)+len(turns.waiting)+len(turns.order) != 0 {
		t.Errorf("something is left: %+v", turns)
	}
}
