package ftp

import (
	"context"
	"time"
)

// limiter returns what bounds the rate of a transfer, or nil.
func (l *Limits) limiter(d Direction) *bucket {
	rate := l.DownloadRate
	if d == Upload {
		rate = l.UploadRate
	}
	if rate <= 0 {
		return nil
	}
	return &bucket{rate: rate}
}

// A pacer has a job keep to a rate.
type pacer struct {
	job    *job
	bucket *bucket // nil: as fast as it can
}

// allowance returns how much of n bytes may be moved at once.
func (p *pacer) allowance(n int) int {
	if p.bucket != nil {
		n = min(n, p.bucket.burst())
	}
	return n
}

// wait pays for n bytes that were moved.
func (p *pacer) wait(n int) error {
	if n == 0 || p.bucket == nil {
		return nil
	}
	p.job.moving.Store(0) // it is up to neither the client nor the disk
	defer p.job.moved()
	if err := p.bucket.wait(p.job.ctx, n); err != nil {
		return p.job.err(err)
	}
	return nil
}

// A bucket bounds the rate of one transfer.
type bucket struct {
	rate int64     // bytes per second
	free time.Time // when what was moved so far is paid for
}

// burst is how many bytes may be moved at once: a tenth of a second's worth, so that a slow transfer still moves
// evenly, within what is reasonable for a system call.
func (b *bucket) burst() int { return int(min(max(b.rate/10, 512), chunkSize)) }

// wait blocks until n bytes more are paid for.
func (b *bucket) wait(ctx context.Context, n int) error {
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
