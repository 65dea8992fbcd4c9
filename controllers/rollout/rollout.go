// Package rollout decides which slots of a FileServer run.
//
// A slot is a number and a slice of the passive range. A slot in use is a
// Deployment of one pod, which alone declares the ports of its slice; a free
// one has neither Deployment nor pod. A running slot is never edited. A change
// starts in a free slot, and when that one is ready, an outdated slot's
// Deployment is deleted: its pod drains, still reached on its own ports, and
// the slot is free again when the pod has gone.
//
// [Decide] is a pure function of what exists and what is wanted. It keeps no
// state between calls, so an operator that restarts half-way goes on.
package rollout

import (
	"cmp"
	"slices"
)

// Range is a slice of the passive range, both ends included.
type Range struct{ First, Last int32 }

func (r Range) overlaps(o Range) bool { return r.First <= o.Last && o.First <= r.Last }

// Slot is one that is in use.
type Slot struct {
	Number int
	Ports  Range
	// Template identifies what its pod runs.
	Template string
	// Ready is true if its pod serves.
	Ready bool
	// Leaving is true if its pod's node is about to go.
	Leaving bool
}

// clashes says whether the slot's pod is about to take over the ports of one
// that still drains: somebody deleted the pod, and the Deployment replaced it.
func (s Slot) clashes(draining []Draining) bool {
	return !s.Ready && slices.ContainsFunc(draining, func(d Draining) bool { return d.Number == s.Number })
}

// Draining is a pod whose Deployment is gone, or that is ending.
type Draining struct {
	Number int
	Ports  Range
}

// Observed is what exists.
type Observed struct {
	Slots    []Slot
	Draining []Draining
}

// Wanted is what should be.
type Wanted struct {
	Replicas int
	Template string
	// Slices of the range, by slot number.
	Slices []Range
	// Exclusive is true if two pods cannot run at once in one place: the old
	// one then ends before the new one starts.
	Exclusive bool
	// SharedPorts is true if slices need not be kept apart, since clients
	// reach each pod at an address of its own.
	SharedPorts bool
}

// Decision is what to do now. Both lists may be empty while something is
// still awaited.
type Decision struct {
	Start []int // slots to start, with the wanted template
	Stop  []int // slots whose Deployment is deleted
	// NoFreeSlot is true if a new pod waits for an old one to end.
	NoFreeSlot bool
}

// Decide says what to do.
func Decide(have Observed, want Wanted) Decision {
	free := freeSlots(have, want)
	current, outdated := split(have, want, len(free) > 0 && !want.Exclusive)
	var d Decision

	d.Stop = append(d.Stop, surplus(current, want.Replicas)...)
	stopped := len(d.Stop)
	d.Stop = append(d.Stop, replaced(current, outdated, want.Replicas)...)

	missing := want.Replicas - (len(current) - stopped)
	if missing <= 0 {
		return d
	}
	room := want.Replicas + surge(want) - (len(have.Slots) - len(d.Stop))
	if want.Exclusive {
		// Whoever drains still holds the place.
		room = want.Replicas - len(have.Slots) - len(have.Draining)
	}
	start := max(0, min(missing, room, len(free)))
	d.Start = free[:start]
	if start > 0 {
		return d
	}

	// Nothing can start. If that is for want of a place, one outdated pod
	// ends first, but never while another change is still under way: a
	// template that does not come up takes down one pod at most.
	d.NoFreeSlot = len(free) == 0 || want.Exclusive
	if d.NoFreeSlot && len(d.Stop) == 0 && len(have.Draining) == 0 && allReady(current) && len(outdated) > 0 {
		d.Stop = append(d.Stop, inOrder(outdated)[0].Number)
	}
	return d
}

// split tells slots as they are wanted from outdated ones. A slot that clashes
// is outdated if there is another place for its pod.
func split(have Observed, want Wanted, place bool) (current, outdated []Slot) {
	for _, s := range have.Slots {
		as := s.Template == want.Template && !s.Leaving && s.Number < len(want.Slices) && s.Ports == want.Slices[s.Number]
		moves := place && s.clashes(have.Draining)
		if as && !moves {
			current = append(current, s)
		} else {
			outdated = append(outdated, s)
		}
	}
	return current, outdated
}

// surplus are current slots beyond the wanted number: those that do not serve,
// and then those with the highest numbers.
func surplus(current []Slot, replicas int) []int {
	if len(current) <= replicas {
		return nil
	}
	return numbers(inOrder(current)[:len(current)-replicas])
}

// replaced are outdated slots that can go: those that do not serve, and one
// for each slot that serves beyond the wanted number.
func replaced(current, outdated []Slot, replicas int) []int {
	var serving []Slot
	var stop []int
	for _, s := range outdated {
		if s.Ready {
			serving = append(serving, s)
		} else {
			stop = append(stop, s.Number)
		}
	}
	spare := min(countReady(current), replicas) + len(serving) - replicas
	return append(stop, numbers(inOrder(serving)[:max(0, min(spare, len(serving)))])...)
}

// freeSlots have no Deployment, no pod, and no port that another one still
// serves.
func freeSlots(have Observed, want Wanted) []int {
	var free []int
	for n, ports := range want.Slices {
		taken := slices.ContainsFunc(have.Slots, func(s Slot) bool {
			return s.Number == n || !want.SharedPorts && s.Ports.overlaps(ports)
		}) || slices.ContainsFunc(have.Draining, func(d Draining) bool {
			return d.Number == n || !want.SharedPorts && d.Ports.overlaps(ports)
		})
		if !taken {
			free = append(free, n)
		}
	}
	return free
}

// surge is how many pods there may be beyond the wanted number: a quarter, as
// with Deployments.
func surge(want Wanted) int { return (want.Replicas + 3) / 4 }

func countReady(slots []Slot) int {
	n := 0
	for _, s := range slots {
		if s.Ready {
			n++
		}
	}
	return n
}

func allReady(slots []Slot) bool { return countReady(slots) == len(slots) }

// inOrder has the slots that are missed least first.
func inOrder(slots []Slot) []Slot {
	s := slices.Clone(slots)
	slices.SortFunc(s, func(a, b Slot) int {
		return cmp.Or(rank(a)-rank(b), b.Number-a.Number)
	})
	return s
}

func rank(s Slot) int {
	switch {
	case !s.Ready:
		return 0
	case s.Leaving:
		return 1
	}
	return 2
}

func numbers(s []Slot) []int {
	var n []int
	for _, slot := range s {
		n = append(n, slot.Number)
	}
	return n
}

// Slices cuts a range into slots of that many ports. The last may be shorter.
func Slices(r Range, portsPerPod int32) []Range {
	var list []Range
	for first := r.First; first <= r.Last; first += portsPerPod {
		list = append(list, Range{First: first, Last: min(first+portsPerPod-1, r.Last)})
	}
	return list
}
