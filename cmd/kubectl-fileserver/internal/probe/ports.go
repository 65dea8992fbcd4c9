package probe

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/fileserver-dev/fileserver-operator/cmd/kubectl-fileserver/internal/diagnose"
)

const (
	// together is how many sessions ask for ports at the same time at most: each of
	// them gets another one.
	together = 4
	// roundTime is how long the server may keep a port open that nobody awaits.
	// Whoever asks meanwhile gets the same one again.
	roundTime = 1300 * time.Millisecond
	// mostPorts are tried of a pod with a wide range.
	mostPorts = 64
)

// coverage is which passive ports were tried at an address.
type coverage struct {
	expected  diagnose.Expected
	good, bad map[int]bool
}

// complete says whether nothing is left to try in a slot: all its ports were tried, or
// several were and none answered.
func (c coverage) complete(slot int) bool {
	const enough = 3
	good, bad := 0, 0
	for _, port := range c.expected.Slots[slot].Ports {
		switch {
		case c.good[port]:
			good++
		case c.bad[port]:
			bad++
		}
	}
	return good+bad >= min(len(c.expected.Slots[slot].Ports), mostPorts) || good == 0 && bad > enough
}

// sessions is how many may ask at the same time: a user gets half of a pod's ports at
// most, and waits for more.
func (c coverage) sessions() int {
	n := together
	for _, s := range c.expected.Slots {
		n = min(n, len(s.Ports)/2)
	}
	return max(n, 1)
}

func (c coverage) all() bool {
	for i := range c.expected.Slots {
		if !c.complete(i) {
			return false
		}
	}
	return true
}

// tryPorts asks for passive ports until each pod has offered each of its own. A pod
// offers any, so that this takes some rounds.
func (p *prober) tryPorts(ctx context.Context, a diagnose.Attempt) {
	if !p.EveryPort || len(p.Expected.Slots) == 0 {
		return
	}
	c := coverage{p.Expected, map[int]bool{}, map[int]bool{}}
	for _, old := range p.attempts {
		if old.IP == a.IP && old.Told.IsValid() {
			c.add(old)
		}
	}
	sessions := make([]*control, c.sessions())
	defer func() {
		for _, s := range sessions {
			if s != nil {
				s.quit()
			}
		}
	}()
	for round := range 15 * len(p.Expected.Slots) {
		if ctx.Err() != nil || c.all() {
			return
		}
		p.Progress(fmt.Sprintf("%s at %s, passive ports: %d answer", a.Protocol, a.Where(), len(c.good)))
		if round > 0 {
			select {
			case <-time.After(roundTime):
			case <-ctx.Done():
			}
		}
		p.tryRound(ctx, a, sessions, c)
	}
}

func (c coverage) add(a diagnose.Attempt) {
	port := int(a.Told.Port())
	if a.Step == diagnose.Data {
		c.bad[port] = true
	} else {
		c.good[port] = true
	}
}

// tryRound has all sessions ask for a port, and then tries those that are new.
func (p *prober) tryRound(ctx context.Context, a diagnose.Attempt, sessions []*control, c coverage) {
	a.Mode = diagnose.EPSV
	tried := make([]*diagnose.Attempt, len(sessions))
	for i := range sessions {
		if sessions[i] == nil {
			sessions[i] = p.another(ctx, a)
		}
		if sessions[i] == nil {
			continue
		}
		told, err := sessions[i].epsv(a.IP)
		if err != nil {
			sessions[i].conn.Close()
			sessions[i] = nil
			continue
		}
		slot, port := p.Expected.SlotOf(int(told.Port())), int(told.Port())
		switch {
		case slot >= 0 && c.complete(slot), c.bad[port]:
			// The next session may come to another pod, and gets another port.
			sessions[i].quit()
			sessions[i] = nil
		default: // one that has answered, too: it has to be used to become free
			b := a
			b.Told = told
			tried[i] = &b
		}
	}
	var wg sync.WaitGroup
	errs, steps := make([]error, len(sessions)), make([]diagnose.Step, len(sessions))
	for i, b := range tried {
		if b != nil {
			wg.Go(func() { steps[i], errs[i] = p.listAt(ctx, sessions[i], b) })
		}
	}
	wg.Wait()
	for i, b := range tried {
		if b == nil {
			continue
		}
		if !c.good[int(b.Told.Port())] || errs[i] != nil {
			p.add(*b, steps[i], errs[i])
			c.add(p.attempts[len(p.attempts)-1])
		}
		if errs[i] != nil && steps[i] != diagnose.Data {
			sessions[i].conn.Close()
			sessions[i] = nil
		}
	}
}

// another is one more session; nil if there can be no more, as where the user may have
// only so many.
func (p *prober) another(ctx context.Context, a diagnose.Attempt) *control {
	c, _, err := p.open(ctx, &diagnose.Attempt{Protocol: a.Protocol, Address: a.Address, IP: a.IP, Port: a.Port})
	if err != nil || !c.loggedIn {
		if c != nil {
			c.conn.Close()
		}
		return nil
	}
	return c
}
