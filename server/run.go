package server

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// endTime is how long what serves may take to end, after the drain: the outbox hands over what it has.
const endTime = 5 * time.Second

// Run serves until ctx ends, and then drains: new sessions are taken for a few
// seconds more, running transfers finish, idle sessions are ended. It returns
// nil after a drain, even one that had to cut what took too long.
func (s *Server) Run(ctx context.Context) error {
	listeners, err := s.listen()
	if err != nil {
		return err
	}
	web, err := s.opts.Listen("tcp", s.opts.HTTPAddress)
	if err != nil {
		closeAll(listeners)
		return fmt.Errorf("listening for probes and metrics: %w", err)
	}
	// The HTTP endpoint outlives the drain: it reports it.
	httpServer := newHTTPServer(s.registry, s.readiness, s.loaded, s.users.Activity)
	httpDone := make(chan error, 1)
	go func() { httpDone <- httpServer.Serve(web) }()
	defer httpServer.Close()
	defer s.serveAdmin()()

	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var serving sync.WaitGroup
	for _, l := range listeners {
		serving.Go(func() {
			err := s.contain("serving "+l.name, func() error { return l.serve(l.Listener) })
			if err != nil && !isClosed(err) {
				stop(fmt.Errorf("serving %s: %w", l.name, err))
			}
		})
	}
	watching := context.WithoutCancel(ctx) // files are reloaded during a drain too
	watching, stopWatching := context.WithCancel(watching)
	defer stopWatching()
	serving.Go(func() {
		folders := func() []string { return s.files.Load().folders(s.opts.ConfigPath) }
		w := watcher{folders: folders, changed: s.reload, log: s.log, again: watchAgain}
		w.run(watching)
	})
	serving.Go(func() {
		_ = s.contain("looking for uploads that were cut", func() error {
			s.trees().sweep(watching)
			return nil
		})
	})
	if s.outbox != nil {
		serving.Go(func() {
			_ = s.contain("delivering events", func() error {
				s.outbox.Run(watching)
				return nil
			})
		})
	}
	if s.bucket != nil {
		serving.Go(func() {
			_ = s.contain("checking the bucket", func() error {
				s.bucket.watch(watching)
				return nil
			})
		})
	}
	s.ready.Store(true)
	s.log.Info("serving", "listeners", len(listeners), "users", s.users.Len())

	select {
	case <-running.Done():
	case err := <-httpDone:
		stop(fmt.Errorf("serving probes and metrics: %w", err))
	}
	s.drain(ctx.Err() != nil)
	stopWatching()
	closeAll(listeners)
	within(endTime, serving.Wait)
	s.trail.Close()
	if ctx.Err() == nil {
		return context.Cause(running)
	}
	s.log.Info("ended")
	return nil
}

// drain ends the protocols. New sessions are accepted for a while, if they are to be.
func (s *Server) drain(acceptMore bool) {
	s.draining.Store(true)
	s.metrics.draining.Set(1)
	d := s.files.Load().config.Drain
	accept, timeout := d.AcceptFor.Or(defaultAcceptFor), d.Timeout.Or(defaultDrainTimeout)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s.log.Info("draining", "acceptFor", accept.String(), "timeout", timeout.String())
	if acceptMore {
		select {
		case <-time.After(min(accept, timeout)):
		case <-ctx.Done():
		}
	}
	var g errgroup.Group
	if s.ftp != nil {
		g.Go(func() error { return s.contain("draining FTP", func() error { return s.ftp.engine.Shutdown(ctx) }) })
	}
	if s.sftp != nil {
		g.Go(func() error { return s.contain("draining SFTP", func() error { return s.sftp.engine.Shutdown(ctx) }) })
	}
	// Whatever holds an engine up, the pod ends in its time.
	var cut atomic.Bool
	deadline, _ := ctx.Deadline()
	ended := within(time.Until(deadline)+time.Second, func() { cut.Store(g.Wait() != nil) })
	if cut.Load() || !ended {
		s.log.Warn("the drain took too long; what still ran was cut", "timeout", timeout.String())
	}
}

// within reports whether f came to its end in that time. It goes on if it did not.
func within(limit time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// contain runs f, and makes a panic an error of it.
func (s *Server) contain(doing string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic", "doing", doing, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("%s: panic: %v", doing, p)
		}
	}()
	return f()
}
