package ftp

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestATurnThatIsKeptGoesToTheNext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	turns := newTurns(1)
	take := func() *turn {
		t.Helper()
		turn, err := turns.take(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return turn
	}
	var stuck []*turn
	for range 3 {
		stuck = append(stuck, take())
	}
	last := take()
	turns.lease = time.Hour // on a busy machine, what is done at once may take long
	if turns.give(last) {
		t.Error("a turn that was given back at once was kept for too long")
	}
	for _, turn := range stuck {
		if !turns.give(turn) {
			t.Error("nobody has noticed that a turn was kept")
		}
	}
	held := take()
	gone, leave := context.WithCancelCause(ctx)
	leave(errLost)
	if _, err := turns.take(gone); !errors.Is(err, errLost) {
		t.Errorf("who has left gets %v", err)
	}
	turns.give(held)
	if n := len(turns.slots); n != 0 {
		t.Errorf("%d turns are taken in the end", n)
	}
}
