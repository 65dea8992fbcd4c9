package ftp

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestAProcessorGoesToTheUserWhoHasNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShares(1)
		if err := s.take(t.Context(), "greedy"); err != nil {
			t.Fatal(err)
		}
		order := make(chan string)
		for _, user := range []string{"greedy", "greedy", "greedy", "other"} {
			go func() {
				if err := s.take(t.Context(), user); err != nil {
					t.Error(err)
				}
				order <- user
			}()
			synctest.Wait() // until it waits
		}
		gone, leave := context.WithCancelCause(t.Context())
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
		if len(s.users) != 0 || len(s.busy) != 0 {
			t.Errorf("%d users have something in the end, and %d processors are in use", len(s.users), len(s.busy))
		}
	})
}
