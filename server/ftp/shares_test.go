package ftp

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestTurnsGoToTheUserWhoHadNoneForLongest(t *testing.T) {
	t.Parallel()
	s := newShares(1)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.take(ctx, "greedy"); err != nil {
		t.Fatal(err)
	}
	waiting := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.queue.Len()
	}
	order := make(chan string)
	for i, user := range []string{"greedy", "greedy", "greedy", "other"} {
		go func() {
			if err := s.take(ctx, user); err != nil {
				t.Error(err)
			}
			order <- user
		}()
		for waiting() != i+1 {
			time.Sleep(time.Millisecond)
		}
	}
	gone, leave := context.WithCancelCause(ctx)
	leave(errLost)
	if err := s.take(gone, "gone"); !errors.Is(err, errLost) {
		t.Errorf("who has left gets %v", err)
	}
	s.give("greedy")
	if first := <-order; first != "other" {
		t.Errorf("%s is first", first)
	}
	s.give("other")
	for range 3 {
		s.give(<-order)
	}
	if len(s.users) != 0 || s.free != 1 {
		t.Errorf("%d users have something in the end, and %d turns are free", len(s.users), s.free)
	}
}
