package ftp

import (
	"context"
	"time"
)

// limiters returns what bounds the rate of a transfer.
func (c *Conn) limiters(d Direction, limits *Limits) []RateLimiter {
	var all []RateLimiter
	rate := limits.DownloadRate
	if d == Upload {
		rate = limits.UploadRate
	}
	if rate > 0 {
		all = append(all, &bucket{rate: rate})
	}
	if c.server.Throttle != nil {
		if l := c.server.Throttle(c, d); l != nil {
			all = append(all, l)
		}
	}
	return all
}

// A pacer has a job keep to a rate.
type pacer struct {
	job      *job
	limiters []RateLimiter
}

// allowance returns how much of n bytes may be moved at once.
func (p *pacer) allowance(n int) int {
	for _, l := range p.limiters {
		n = min(n, max(l.Burst(), 1))
	}
	return n
}

// wait pays for n bytes that were moved.
func (p *pacer) wait(n int) error {
	if n == 0 || len(p.limiters) == 0 {
		return nil
	}
	p.job.moving.Store(0) // it is up to neither the client nor the disk
	defer p.job.moved()
	for _, l := range p.limiters {
		if err := l.WaitN(p.job.ctx, n); err != nil {
			return p.job.err(err)
		}
	}
	return nil
}

// bucket is the RateLimiter behind DownloadRate and UploadRate. Only one
// transfer uses it at a time.
type bucket struct {
	rate int64     // bytes per second
	free time.Time // when what was moved so far is paid for
}

// Burst is a tenth of a second's worth, so that a slow transfer still moves
// evenly, within what is reasonable for a system call.
func (b *bucket) Burst() int { return int(min(max(b.rate/10, 512), chunkSize)) }

func (b *bucket) WaitN(ctx context.Context, n int) error {
	now := time.Now()
	if b.free.Before(now) {
		b.free = now
	}
	b.free = b.free.Add(time.Duration(float64(n) / float64(b.rate) * float64(time.Second)))
	timer := time.NewTimer(b.free.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
