package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// A workload is what a figure makes a server do.
type workload func(context.Context, *bench, *server) (work, error)

// work is what a server did, and what that took.
type work struct {
	amount int64 // bytes, files or logins
	took   time.Duration
	cpu    time.Duration // of all processes of the server
}

// work runs f n times at once, which together do the amount.
func (s *server) work(amount int64, n int, f func(int) error) (work, error) {
	before, err := s.cpu()
	if err != nil {
		return work{}, err
	}
	var g errgroup.Group
	start := time.Now()
	for i := range n {
		g.Go(func() error { return f(i) })
	}
	if err := g.Wait(); err != nil {
		return work{}, err
	}
	took := time.Since(start)
	after, err := s.cpu()
	return work{amount, took, after - before}, err
}

// speed is a workload's amount per second, in units.
func speed(unit float64, w workload) measurement {
	return func(ctx context.Context, b *bench, s *server) (float64, error) {
		done, err := w(ctx, b, s)
		return float64(done.amount) / unit / done.took.Seconds(), err
	}
}

// cost is the processor time that a workload takes of the server, in seconds
// per so many of its amount.
func cost(per float64, w workload) measurement {
	return func(ctx context.Context, b *bench, s *server) (float64, error) {
		done, err := w(ctx, b, s)
		return done.cpu.Seconds() * per / float64(done.amount), err
	}
}
