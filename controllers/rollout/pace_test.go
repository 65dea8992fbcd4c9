package rollout_test

import (
	"slices"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/controllers/rollout"
)

func TestSoManyServersGetNewPodsAtATime(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := rollout.NewPace(2)
	begins := func(want bool, servers ...string) {
		t.Helper()
		for _, s := range servers {
			if got := p.Begin(s, now); got != want {
				t.Errorf("%s begins: %v", s, got)
			}
		}
	}
	begins(true, "a", "b")
	begins(false, "c", "d", "e")
	begins(true, "a") // it goes on
	begins(false, "d", "c")

	if next := p.Done("a", now); !slices.Equal(next, []string{"c"}) {
		t.Errorf("when a is done, it is the turn of %v", next)
	}
	begins(false, "d") // c waits longer
	begins(true, "c")
	begins(false, "d")

	p.Done("d", now) // it is gone
	if next := p.Done("b", now); !slices.Equal(next, []string{"e"}) {
		t.Errorf("when b is done and d is gone, it is the turn of %v", next)
	}
	begins(true, "e")
	if next := p.Done("x", now); len(next) > 0 {
		t.Errorf("nobody waits, and it is the turn of %v", next)
	}
}

func TestAServerThatMustHaveNewPodsCountsAndWaitsForNobody(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := rollout.NewPace(1)
	p.Rolls("a", now)
	p.Rolls("b", now)
	if p.Begin("c", now) {
		t.Error("c begins beside a and b")
	}
	if next := p.Done("a", now); len(next) > 0 {
		t.Errorf("b gets new pods still, and it is the turn of %v", next)
	}
	if next := p.Done("b", now); !slices.Equal(next, []string{"c"}) {
		t.Errorf("it is the turn of %v", next)
	}
}

func TestAServerWhoseNewPodsNeverServeMakesWay(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := rollout.NewPace(1)
	if !p.Begin("broken", now) || p.Begin("next", now.Add(rollout.Patience-1)) {
		t.Error("the second server begins beside the first one")
	}
	if !p.Begin("next", now.Add(rollout.Patience)) {
		t.Error("the second server waits for ever")
	}
}
