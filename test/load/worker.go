package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// session is one login, of any protocol. An error of a method is errGoodbye
// when the server has ended the session in good order.
type session interface {
	// ready asks whether the session is still there.
	ready() error
	put(name string, r io.Reader) error
	get(name string, w io.Writer) error
	close()
}

// errGoodbye means that the server asked for a new session.
var errGoodbye = errors.New("the server said goodbye")

// errUnreached means that a data connection could not be made.
var errUnreached = errors.New("the passive port was not reached")

// worker runs one session after the other.
type worker struct {
	options
	tally *tally
	id    int
	kind  string
}

func (w *worker) run(ctx context.Context) {
	var s session
	for n := 0; ctx.Err() == nil && (w.transfers == 0 || n < w.transfers); n++ {
		if s == nil {
			if s = w.connect(ctx); s == nil {
				continue
			}
		}
		if !w.transfer(s, n) {
			s.close()
			s = nil
		}
	}
	if s != nil {
		s.close()
	}
}

// connect makes a session, and returns nil if it cannot.
func (w *worker) connect(ctx context.Context) session {
	end := time.Now().Add(w.connectFor)
	for {
		s, err := w.dial()
		if err == nil {
			return s
		}
		if time.Now().After(end) || ctx.Err() != nil {
			w.tally.count(&w.tally.report.Refused, "%s: connecting: %v", w.kind, err)
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// transfer puts a file and, every other time, gets it back. It reports whether
// the session goes on.
func (w *worker) transfer(s session, n int) bool {
	r := &w.tally.report
	if err := s.ready(); err != nil {
		if errors.Is(err, errGoodbye) {
			w.tally.count(&r.Reconnected, "")
			return false
		}
		w.tally.count(&r.Refused, "%s: between transfers: %v", w.kind, err)
		return false
	}
	size := w.size
	if n%4 == 3 {
		size = w.large
	}
	name := fmt.Sprintf("load-%d-%d", w.id, n%8)
	content := make([]byte, size)
	seed := rand.NewChaCha8([32]byte{byte(w.id), byte(n)})
	seed.Read(content)
	if err := s.put(name, bytes.NewReader(content)); err != nil {
		return w.failed("put", err)
	}
	w.tally.count(&r.Transfers, "")
	if n%2 == 0 {
		return true
	}
	var back bytes.Buffer
	err := s.get(name, &back)
	if err == nil && !bytes.Equal(back.Bytes(), content) {
		err = fmt.Errorf("got %d bytes, which are not the %d that were put", back.Len(), size)
	}
	if err != nil {
		return w.failed("get", err)
	}
	w.tally.count(&r.Transfers, "")
	return true
}

// failed counts a transfer that did not complete: one that did not begin since
// the server said goodbye first is no loss.
func (w *worker) failed(what string, err error) bool {
	switch {
	case errors.Is(err, errGoodbye):
		w.tally.count(&w.tally.report.Reconnected, "")
	case errors.Is(err, errUnreached):
		w.tally.count(&w.tally.report.Unreached, "%s: %s: %v", w.kind, what, err)
	default:
		w.tally.count(&w.tally.report.Cut, "%s: %s: %v", w.kind, what, err)
	}
	return false
}
