package rollout

import (
	"slices"
	"sync"
	"time"
)

// Patience is how long a server counts as one that gets new pods. One whose new pods
// never serve would otherwise keep all others from theirs; its old pods go on.
const Patience = 10 * time.Minute

// Pace bounds how many servers get new pods at a time. Servers are told by their names.
type Pace struct {
	most int

	mu      sync.Mutex
	rolling map[string]time.Time // since when
	waiting []string             // whoever waits longest first
}

// NewPace returns one for so many servers at a time, at most.
func NewPace(most int) *Pace { return &Pace{most: most, rolling: map[string]time.Time{}} }

// Most is how many servers get new pods at a time.
func (p *Pace) Most() int { return p.most }

// Begin says whether a server may begin to get new pods. If not, it waits, and is
// among those that Done returns when it is its turn.
func (p *Pace) Begin(server string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, rolls := p.rolling[server]; rolls {
		return true
	}
	before := slices.Index(p.waiting, server)
	if before < 0 {
		before = len(p.waiting)
		p.waiting = append(p.waiting, server)
	}
	if p.count(now)+before >= p.most {
		return false
	}
	p.admit(server, now)
	return true
}

// Rolls notes that a server gets new pods, whether or not it is its turn.
func (p *Pace) Rolls(server string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.rolling[server]; !known {
		p.admit(server, now)
	}
}

func (p *Pace) admit(server string, now time.Time) {
	p.rolling[server] = now
	p.leave(server)
}

func (p *Pace) leave(server string) {
	p.waiting = slices.DeleteFunc(p.waiting, func(w string) bool { return w == server })
}

// Done notes that a server has its new pods, needs none, or is gone. It returns those
// whose turn it is.
func (p *Pace) Done(server string, now time.Time) (next []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.rolling, server)
	p.leave(server)
	free := max(0, p.most-p.count(now))
	return slices.Clone(p.waiting[:min(free, len(p.waiting))])
}

// count is how many servers get new pods.
func (p *Pace) count(now time.Time) (n int) {
	for _, since := range p.rolling {
		if now.Sub(since) < Patience {
			n++
		}
	}
	return n
}
