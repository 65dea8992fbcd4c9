package rollout_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/controllers/rollout"
)

// world is a cluster that does what was decided, some time later.
type world struct {
	have   rollout.Observed
	want   rollout.Wanted
	random *rand.Rand
}

// do carries out a decision, and says what is wrong with it.
func (w *world) do(d rollout.Decision) error {
	ready := func() (n int) {
		for _, s := range w.have.Slots {
			if s.Ready {
				n++
			}
		}
		return n
	}
	before := ready()
	for _, n := range d.Stop {
		i := slices.IndexFunc(w.have.Slots, func(s rollout.Slot) bool { return s.Number == n })
		if i < 0 {
			return fmt.Errorf("stops slot %d, which is not in use", n)
		}
		w.have.Draining = append(w.have.Draining, rollout.Draining{Number: n, Ports: w.have.Slots[i].Ports})
		w.have.Slots = slices.Delete(w.have.Slots, i, i+1)
	}
	least := min(before, w.want.Replicas)
	if d.NoFreeSlot {
		least-- // one pod had to go first
	}
	if ready() < least {
		return fmt.Errorf("leaves %d pods that serve, of %d, with %d wanted", ready(), before, w.want.Replicas)
	}
	for _, n := range d.Start {
		ports := w.want.Slices[n]
		for _, s := range w.have.Slots {
			if s.Number == n || s.Ports.First <= ports.Last && ports.First <= s.Ports.Last {
				return fmt.Errorf("starts slot %d, which slot %d is in the way of", n, s.Number)
			}
		}
		for _, s := range w.have.Draining {
			if s.Number == n || s.Ports.First <= ports.Last && ports.First <= s.Ports.Last {
				return fmt.Errorf("starts slot %d, while slot %d drains", n, s.Number)
			}
		}
		w.have.Slots = append(w.have.Slots, rollout.Slot{Number: n, Ports: ports, Template: w.want.Template})
	}
	return nil
}

// pass lets some pods come up, and some be gone.
func (w *world) pass(chance float64, comesUp func(template string) bool) {
	for i := range w.have.Slots {
		if comesUp(w.have.Slots[i].Template) && w.random.Float64() < chance {
			w.have.Slots[i].Ready = true
		}
	}
	w.have.Draining = slices.DeleteFunc(w.have.Draining, func(rollout.Draining) bool { return w.random.Float64() < chance })
}

// settled says whether all is as wanted.
func (w *world) settled() bool {
	for _, s := range w.have.Slots {
		if !s.Ready || s.Template != w.want.Template || s.Leaving || s.Number >= len(w.want.Slices) || s.Ports != w.want.Slices[s.Number] {
			return false
		}
	}
	return len(w.have.Slots) == w.want.Replicas && len(w.have.Draining) == 0
}

// Whatever happens in whatever order, no port is served twice, no pod that is
// needed ends, and in the end all is as wanted.
func TestAnyHistory(t *testing.T) {
	for seed := range uint64(3000) {
		w := &world{random: rand.New(rand.NewPCG(seed, 1)), want: replicas(1)}
		w.want.Exclusive = seed%5 == 0
		works := func(template string) bool { return template != "broken" }
		for step := range 60 {
			w.disturb(step)
			if err := w.do(rollout.Decide(w.have, w.want)); err != nil {
				t.Fatalf("seed %d, step %d: the decision %v\nfor %+v", seed, step, err, w.want)
			}
			w.pass(0.4, works)
		}
		w.want.Template = "last"
		for i := range w.have.Slots {
			w.have.Slots[i].Leaving = false
		}
		for range 200 {
			if err := w.do(rollout.Decide(w.have, w.want)); err != nil {
				t.Fatalf("seed %d: at the end, the decision %v", seed, err)
			}
			w.pass(0.5, works)
		}
		if !w.settled() {
			t.Fatalf("seed %d: it does not come to rest:\n%+v\nwant %+v", seed, w.have, w.want)
		}
	}
}

// disturb changes now and then what is wanted, or what exists.
func (w *world) disturb(step int) {
	switch w.random.IntN(12) {
	case 0:
		w.want.Template = fmt.Sprint("template-", step)
	case 1:
		w.want.Template = "broken"
	case 2:
		first := 50000 + w.random.Int32N(30)
		w.want.Slices = rollout.Slices(rollout.Range{First: first, Last: first + 19 + w.random.Int32N(40)}, 5+w.random.Int32N(8))
		w.want.Replicas = min(w.want.Replicas, len(w.want.Slices))
	case 3:
		w.want.Replicas = w.random.IntN(len(w.want.Slices) + 1)
	case 4:
		if n := len(w.have.Slots); n > 0 {
			w.have.Slots[w.random.IntN(n)].Ready = false
		}
	case 6: // somebody deletes a pod, and the Deployment replaces it
		if n := len(w.have.Slots); n > 0 {
			s := &w.have.Slots[w.random.IntN(n)]
			s.Ready = false
			w.have.Draining = append(w.have.Draining, rollout.Draining{Number: s.Number, Ports: s.Ports})
		}
	case 5:
		if n := len(w.have.Slots); n > 0 {
			w.have.Slots[w.random.IntN(n)].Leaving = w.random.IntN(2) == 0
		}
	}
}
