package rollout_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fileserver-dev/fileserver-operator/controllers/rollout"
)

var forty = rollout.Slices(rollout.Range{First: 50000, Last: 50039}, 10)

// Words for the table below.

type word func(*rollout.Slot)

func ready(s *rollout.Slot)   { s.Ready = true }
func leaving(s *rollout.Slot) { s.Leaving = true }
func old(s *rollout.Slot)     { s.Template = "old" }
func on(first, last int32) word {
	return func(s *rollout.Slot) { s.Ports = rollout.Range{First: first, Last: last} }
}

// slot runs the template "new" and is starting, unless words say otherwise.
func slot(number int, words ...word) rollout.Slot {
	s := rollout.Slot{Number: number, Template: "new"}
	if number < len(forty) {
		s.Ports = forty[number]
	}
	for _, w := range words {
		w(&s)
	}
	return s
}

func draining(n int) rollout.Draining { return rollout.Draining{Number: n, Ports: forty[n]} }

func replicas(n int) rollout.Wanted {
	return rollout.Wanted{Replicas: n, Template: "new", Slices: forty}
}

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name     string
		slots    []rollout.Slot
		draining []rollout.Draining
		want     rollout.Wanted
		decision rollout.Decision
	}{
		{
			name:     "at the start, every replica gets a slot",
			want:     replicas(2),
			decision: rollout.Decision{Start: []int{0, 1}},
		},
		{
			name:  "when all is as wanted, nothing happens",
			slots: []rollout.Slot{slot(0, ready), slot(1, ready)},
			want:  replicas(2),
		},
		{
			name:  "a slot that is still starting is waited for",
			slots: []rollout.Slot{slot(0, ready), slot(1)},
			want:  replicas(2),
		},
		{
			name:     "scaling up fills free slots",
			slots:    []rollout.Slot{slot(1, ready)},
			want:     replicas(3),
			decision: rollout.Decision{Start: []int{0, 2}},
		},
		{
			name:     "scaling up leaves a draining slot alone",
			slots:    []rollout.Slot{slot(0, ready)},
			draining: []rollout.Draining{draining(1)},
			want:     replicas(2),
			decision: rollout.Decision{Start: []int{2}},
		},
		{
			name:     "scaling down stops the highest numbers",
			slots:    []rollout.Slot{slot(0, ready), slot(1, ready), slot(2, ready), slot(3, ready)},
			want:     replicas(1),
			decision: rollout.Decision{Stop: []int{3, 2, 1}},
		},
		{
			name:     "scaling down stops first what does not serve",
			slots:    []rollout.Slot{slot(0), slot(1, ready), slot(2, ready)},
			want:     replicas(2),
			decision: rollout.Decision{Stop: []int{0}},
		},
		{
			name:     "scaling to zero stops all",
			slots:    []rollout.Slot{slot(0, ready), slot(1, ready, old)},
			want:     replicas(0),
			decision: rollout.Decision{Stop: []int{0, 1}},
		},
		{
			name:     "a new template starts in a free slot, beside the old one",
			slots:    []rollout.Slot{slot(0, ready, old)},
			want:     replicas(1),
			decision: rollout.Decision{Start: []int{1}},
		},
		{
			name:  "the old slot stays until the new one is ready",
			slots: []rollout.Slot{slot(0, ready, old), slot(1)},
			want:  replicas(1),
		},
		{
			name:     "when the new slot is ready, the old one goes",
			slots:    []rollout.Slot{slot(0, ready, old), slot(1, ready)},
			want:     replicas(1),
			decision: rollout.Decision{Stop: []int{0}},
		},
		{
			name:     "while the old one drains, nothing more happens",
			slots:    []rollout.Slot{slot(1, ready)},
			draining: []rollout.Draining{draining(0)},
			want:     replicas(1),
		},
		{
			name:     "several replicas change one by one",
			slots:    []rollout.Slot{slot(0, ready, old), slot(1, ready, old)},
			want:     replicas(2),
			decision: rollout.Decision{Start: []int{2}},
		},
		{
			name:     "a ready new slot replaces one old slot, and the next new one starts",
			slots:    []rollout.Slot{slot(0, ready, old), slot(1, ready, old), slot(2, ready)},
			want:     replicas(2),
			decision: rollout.Decision{Stop: []int{1}, Start: []int{3}},
		},
		{
			name:     "another template while the last change drains starts in what is free",
			slots:    []rollout.Slot{slot(1, ready, old)},
			draining: []rollout.Draining{draining(0)},
			want:     replicas(1),
			decision: rollout.Decision{Start: []int{2}},
		},
		{
			name:     "another template before the last one was ready replaces it at once, and keeps what serves",
			slots:    []rollout.Slot{slot(0, ready, old), slot(1, old)},
			want:     replicas(1),
			decision: rollout.Decision{Stop: []int{1}, Start: []int{2}},
		},
		{
			name:  "a new template that crashes takes down nothing",
			slots: []rollout.Slot{slot(0, ready, old), slot(1, ready, old), slot(2)},
			want:  replicas(2),
		},
		{
			name:     "going back to the old template stops the one that crashes",
			slots:    []rollout.Slot{slot(0, ready), slot(1, old)},
			want:     replicas(1),
			decision: rollout.Decision{Stop: []int{1}},
		},
		{
			name:     "without a free slot, one old pod ends first",
			slots:    []rollout.Slot{slot(0, ready, old), slot(1, ready, old), slot(2, ready, old), slot(3, ready, old)},
			want:     replicas(4),
			decision: rollout.Decision{Stop: []int{3}, NoFreeSlot: true},
		},
		{
			name:     "without a free slot, the next one ends only when the first has gone",
			slots:    []rollout.Slot{slot(0, ready, old), slot(1, ready, old), slot(2, ready, old)},
			draining: []rollout.Draining{draining(3)},
			want:     replicas(4),
			decision: rollout.Decision{NoFreeSlot: true},
		},
		{
			name:     "the slot of the one that ended takes the new template",
			slots:    []rollout.Slot{slot(0, ready, old), slot(1, ready, old), slot(2, ready, old)},
			want:     replicas(4),
			decision: rollout.Decision{Start: []int{3}},
		},
		{
			name:     "without a free slot, a new template that crashes takes down one pod and no more",
			slots:    []rollout.Slot{slot(0, ready, old), slot(1, ready, old), slot(2, ready, old), slot(3)},
			want:     replicas(4),
			decision: rollout.Decision{NoFreeSlot: true},
		},
		{
			name:     "a cordoned node's slot is replaced before it goes",
			slots:    []rollout.Slot{slot(0, ready, leaving), slot(1, ready)},
			want:     replicas(2),
			decision: rollout.Decision{Start: []int{2}},
		},
		{
			name:     "when the replacement is ready, the cordoned node's slot goes",
			slots:    []rollout.Slot{slot(0, ready, leaving), slot(1, ready), slot(2, ready)},
			want:     replicas(2),
			decision: rollout.Decision{Stop: []int{0}},
		},
		{
			name:  "where no other node takes the replacement, the cordoned node's slot stays",
			slots: []rollout.Slot{slot(0, ready, leaving), slot(1)},
			want:  replicas(1),
		},
		{
			name:     "an uncordoned node's slot is current again, and the replacement that is not needed goes",
			slots:    []rollout.Slot{slot(0, ready), slot(1)},
			want:     replicas(1),
			decision: rollout.Decision{Stop: []int{1}},
		},
		{
			name:     "two changes at once, scaling down and a new template, first start one new slot",
			slots:    []rollout.Slot{slot(0, ready, old), slot(1, ready, old), slot(2, ready, old)},
			want:     replicas(1),
			decision: rollout.Decision{Stop: []int{2, 1}, Start: []int{3}},
		},
		{
			name:     "two changes at once, scaling up and a new template, keep the old until enough serve",
			slots:    []rollout.Slot{slot(0, ready, old)},
			want:     replicas(3),
			decision: rollout.Decision{Start: []int{1, 2, 3}},
		},
		{
			name:     "an operator that comes back half-way goes on",
			slots:    []rollout.Slot{slot(1, ready, old), slot(2, ready)},
			draining: []rollout.Draining{draining(0)},
			want:     replicas(2),
			decision: rollout.Decision{Start: []int{3}},
		},
		{
			name:  "a slot outside a range that shrank is replaced",
			slots: []rollout.Slot{slot(0, ready), slot(3, ready)},
			want: rollout.Wanted{
				Replicas: 2, Template: "new", Slices: forty[:3],
			},
			decision: rollout.Decision{Start: []int{1}},
		},
		{
			name:  "a range that moved starts where no old slot has a port or the number",
			slots: []rollout.Slot{slot(0, ready, on(50000, 50009)), slot(1, ready, on(50010, 50019))},
			want: rollout.Wanted{
				Replicas: 2, Template: "new", Slices: rollout.Slices(rollout.Range{First: 50015, Last: 50054}, 10),
			},
			decision: rollout.Decision{Start: []int{2}},
		},
		{
			name:     "a draining pod of a moved range keeps its ports",
			draining: []rollout.Draining{{Number: 3, Ports: rollout.Range{First: 50005, Last: 50014}}},
			want:     replicas(1),
			decision: rollout.Decision{Start: []int{2}},
		},
		{
			name:     "a pod that somebody deleted keeps its ports while it drains, and is replaced in another slot",
			slots:    []rollout.Slot{slot(0)},
			draining: []rollout.Draining{draining(0)},
			want:     replicas(1),
			decision: rollout.Decision{Stop: []int{0}, Start: []int{1}},
		},
		{
			name:     "a pod that somebody deleted is replaced in its own slot if that serves already",
			slots:    []rollout.Slot{slot(0, ready)},
			draining: []rollout.Draining{draining(0)},
			want:     replicas(1),
		},
		{
			name:     "a pod that somebody deleted is replaced in its own slot if there is no other",
			slots:    []rollout.Slot{slot(0), slot(1, ready), slot(2, ready), slot(3, ready)},
			draining: []rollout.Draining{draining(0)},
			want:     replicas(4),
		},
		{
			name:     "where two pods cannot share a place, the old one ends first",
			slots:    []rollout.Slot{slot(0, ready, old)},
			want:     exclusive(1),
			decision: rollout.Decision{Stop: []int{0}, NoFreeSlot: true},
		},
		{
			name:     "where two pods cannot share a place, the new one waits for the old one's end",
			draining: []rollout.Draining{draining(0)},
			want:     exclusive(1),
			decision: rollout.Decision{NoFreeSlot: true},
		},
		{
			name:     "where two pods cannot share a place, the new one starts in the old one's",
			want:     exclusive(1),
			decision: rollout.Decision{Start: []int{0}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := rollout.Decide(rollout.Observed{Slots: c.slots, Draining: c.draining}, c.want)
			if len(got.Start) == 0 {
				got.Start = nil
			}
			if d := cmp.Diff(c.decision, got); d != "" {
				t.Errorf("decision (-want +got):\n%s", d)
			}
		})
	}
}

func exclusive(n int) rollout.Wanted {
	w := replicas(n)
	w.Exclusive = true
	return w
}

func TestSlices(t *testing.T) {
	for _, c := range []struct {
		r    rollout.Range
		per  int32
		want string
	}{
		{rollout.Range{First: 50000, Last: 50039}, 10, "[{50000 50009} {50010 50019} {50020 50029} {50030 50039}]"},
		{rollout.Range{First: 50000, Last: 50014}, 10, "[{50000 50009} {50010 50014}]"},
		{rollout.Range{First: 50000, Last: 50004}, 10, "[{50000 50004}]"},
		{rollout.Range{First: 65530, Last: 65535}, 3, "[{65530 65532} {65533 65535}]"},
	} {
		if got := fmt.Sprint(rollout.Slices(c.r, c.per)); got != c.want {
			t.Errorf("%v by %d: got %s, want %s", c.r, c.per, got, c.want)
		}
	}
}
