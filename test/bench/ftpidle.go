package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	idleSessions = 2000
	// settle is how long a server may return what it used for the logins.
	settle = 5 * time.Second
)

// ftpIdleMemory is what a session takes that is logged in and does nothing.
func ftpIdleMemory(ctx context.Context, b *bench, s *server) (float64, error) {
	return s.memoryOf(idleSessions, func() (func(), error) {
		sessions, err := logins(s, idleSessions, false)
		return func() { closeAll(sessions) }, err
	})
}

// memoryOf measures what n sessions take, in KiB each. open returns how to end
// them.
func (s *server) memoryOf(n int, open func() (func(), error)) (float64, error) {
	before, err := s.memory()
	if err != nil {
		return 0, err
	}
	end, err := open()
	defer end()
	if err != nil {
		return 0, err
	}
	time.Sleep(settle)
	after, err := s.memory()
	if err != nil {
		return 0, err
	}
	if after <= before {
		return 0, fmt.Errorf("memory went from %d to %d bytes", before, after)
	}
	return float64(after-before) / 1024 / float64(n), nil
}

// closeAll ends sessions without a word.
func closeAll(sessions []*ftpSession) {
	for _, s := range sessions {
		if s != nil {
			s.conn.Close()
		}
	}
}

// ftpNoop is how long a NOOP takes on an idle session while transfers saturate
// the machine: the 99th percentile, in microseconds.
func ftpNoop(ctx context.Context, b *bench, s *server) (float64, error) {
	size := max(b.size/parallel, 1<<20)
	name := fmt.Sprintf("file-%d", size)
	if err := b.makeFile(name, size); err != nil {
		return 0, err
	}
	sessions, err := logins(s, parallel, false)
	defer closeAll(sessions)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	var transfers sync.WaitGroup
	defer transfers.Wait()
	defer cancel()
	var failed error
	var once sync.Once
	for _, session := range sessions {
		transfers.Go(func() {
			for ctx.Err() == nil {
				if err := session.download(name, size); err != nil {
					once.Do(func() { failed = err })
					cancel()
				}
			}
		})
	}
	// Another process asks, so that it does not wait for this one.
	out, err := exec.CommandContext(ctx, b.program, helperNoop, s.ftp).Output()
	if err != nil {
		cancel()
		transfers.Wait()
		return 0, errors.Join(err, failed)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// probeNoop measures and prints.
func probeNoop(out io.Writer, addr string) error {
	const samples = 300
	session, err := login(addr, false)
	if err != nil {
		return err
	}
	defer session.conn.Close()
	time.Sleep(500 * time.Millisecond) // until the transfers are at full speed
	took := make([]time.Duration, samples)
	for i := range took {
		time.Sleep(4 * time.Millisecond)
		start := time.Now()
		if _, err := session.command(2, "NOOP"); err != nil {
			return err
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	_, err = fmt.Fprintln(out, float64(took[samples*99/100].Nanoseconds())/1000)
	return err
}

// Helpers are processes of this program that do one thing.
const (
	helperNoop = "helper-noop"
	helperBare = "helper-bare"
	helperWire = "helper-wire"
)

// runHelper runs one, if the arguments ask for it.
func runHelper(args []string) (bool, error) {
	switch {
	case len(args) == 2 && args[0] == helperNoop:
		w := bufio.NewWriter(os.Stdout)
		return true, errors.Join(probeNoop(w, args[1]), w.Flush())
	case len(args) == 3 && args[0] == helperBare:
		return true, serveBare(args[1], args[2])
	case len(args) == 2 && args[0] == helperWire:
		delay, err := time.ParseDuration(args[1])
		if err == nil {
			err = runWire(delay)
		}
		return true, err
	}
	return false, nil
}
