package passive

import (
	"container/list"
	"context"
	"net/netip"
	"time"
)

// A Request is for one connection.
type Request struct {
	// From is the address from which the connection has to come. The zero value
	// takes it from anywhere: then nothing else is awaited on the port.
	From netip.Addr

	// User is for whom it is. As long as others wait, one user has no more than
	// half of the ports.
	User string

	// Several is for where the address does not tell the right connection. More
	// than one may come then, and Wait.Arrived says which was the right one.
	Several bool

	// Timeout is how long a connection is awaited until Wait.Next is called,
	// which has its own. Zero and less is for ever.
	Timeout time.Duration

	// WhileQueued is called if no port is free at once. The context that it
	// returns ends when there is no use in waiting any more. May be nil.
	WhileQueued func() (context.Context, context.CancelFunc)
}

// A claimant is whom ports are shared out to: a user and, since that decides who
// else may use the same port, where the connection comes from.
type claimant struct {
	from netip.Addr
	user string
}

func (r *Request) claimant() claimant { return claimant{r.From, r.User} }

// A request waits in the queue.
type request struct {
	Request
	granted chan *Wait
}

// Await reserves a port for a connection. If none is free it waits for one for
// as long as timeout says, which is what lets 200 clients behind one address
// share ten ports. Its error is ErrExhausted, or that of listening.
func (p *Pool) Await(ctx context.Context, r Request, timeout time.Duration) (*Wait, error) {
	p.mu.Lock()
	w, err := p.grant(&r)
	if w != nil || err != nil {
		p.mu.Unlock()
		return w, err
	}
	queued := &request{r, make(chan *Wait, 1)}
	element := p.queue.PushBack(queued)
	p.mu.Unlock()

	if r.WhileQueued != nil {
		var cancel context.CancelFunc
		ctx, cancel = r.WhileQueued()
		defer cancel()
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case w := <-queued.granted:
		return w, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() == nil && !r.From.IsValid() && p.full(&r) {
		p.pushOut(r.claimant(), max(timeout, time.Second))
	}
	select {
	case w := <-queued.granted: // just now
		return w, nil
	default:
		p.queue.Remove(element)
		p.stats.Exhausted++
		return nil, ErrExhausted
	}
}

// pushOut ends the oldest wait of who has as many as are allowed where a port
// awaits one client, if its connection has not come for as long as others wait
// for a port: it is not needed, most likely. With p.mu held.
func (p *Pool) pushOut(of claimant, idle time.Duration) {
	var oldest *Wait
	for _, port := range p.ports {
		if w := port.waits[of.from]; w != nil && w.claimant == of && (oldest == nil || w.since.Before(oldest.since)) {
			oldest = w
		}
	}
	if oldest != nil && time.Since(oldest.since) >= idle {
		oldest.expire()
	}
}

// full reports whether a request has to wait because those like it have all ports,
// or because its user has half of them already. With p.mu held.
func (p *Pool) full(r *Request) bool {
	n, least := p.opts.size(), 1
	if r.From.IsValid() {
		least = 2 // those who are kept waiting come from the same address
	}
	return p.awaited[r.From] >= n || p.byUser[r.claimant()] >= max(n/2, least)
}

// grantQueued grants ports to those that wait, as long as there is one for any of them:
// first to the one whose user has the least, and among these to the one that waits longest.
// With p.mu held.
func (p *Pool) grantQueued() {
	for {
		var next *list.Element
		least := 0
		for e := p.queue.Front(); e != nil; e = e.Next() {
			r := &e.Value.(*request).Request
			has := p.byUser[r.claimant()]
			if p.full(r) || next != nil && has >= least {
				continue
			}
			if port, _ := p.find(r.From); port != nil {
				next, least = e, has
			}
		}
		if next == nil {
			return
		}
		r := p.queue.Remove(next).(*request)
		w, _ := p.grant(&r.Request)
		r.granted <- w
	}
}
