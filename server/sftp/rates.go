package sftp

import (
	"context"
	"sync"

	"golang.org/x/time/rate"
)

// rates bound how fast a connection's files move.
type rates struct {
	mu       sync.Mutex
	down, up *rate.Limiter
}

// rateBurst is how many bytes may move at once: a tenth of a second's worth, so
// that a slow transfer still moves evenly.
func rateBurst(perSecond int64) int { return int(min(max(perSecond/10, 1024), 1<<20)) }

// limiter returns the limiter of a direction, or nil without a limit.
func (r *rates) limiter(d Direction, limits *Limits) *rate.Limiter {
	perSecond, of := limits.DownloadRate, &r.down
	if d == Upload {
		perSecond, of = limits.UploadRate, &r.up
	}
	if perSecond <= 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch l := *of; {
	case l == nil:
		*of = rate.NewLimiter(rate.Limit(perSecond), rateBurst(perSecond))
	case l.Limit() != rate.Limit(perSecond):
		l.SetLimit(rate.Limit(perSecond))
		l.SetBurst(rateBurst(perSecond))
	}
	return *of
}

// moved counts n bytes of a file, and waits until they may have moved.
func (c *Conn) moved(ctx context.Context, d Direction, n int) error {
	if d == Upload {
		c.stats.uploaded.Add(int64(n))
	} else {
		c.stats.downloaded.Add(int64(n))
	}
	l := c.rates.limiter(d, c.limits())
	if l == nil {
		return nil
	}
	for n > 0 {
		part := min(n, l.Burst())
		if err := l.WaitN(ctx, part); err != nil {
			return err
		}
		c.activity.touch()
		n -= part
	}
	return nil
}
