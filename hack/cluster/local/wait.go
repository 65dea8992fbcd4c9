package local

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"
)

// waitFor waits until a check passes. It gives up at once when a program that this command relies on has
// ended. Either way the error shows what the program that is to blame said last; program may be empty.
func (c *Cluster) waitFor(ctx context.Context, what, program string, patience time.Duration, check func(context.Context) error) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var last error
	for said := began; ; {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err // the one about the deadline says less than the one before
		}
		if err := c.checkRunning(); err != nil {
			return err
		}
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			fmt.Fprintf(c.Out, "still waiting for %s, %s\n", what, time.Since(began).Round(time.Second))
		}
		select {
		case <-ctx.Done():
			return c.failure(program, fmt.Errorf("gave up waiting for %s after %s: %w", what, time.Since(began).Round(time.Second), last))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// checkRunning tells which of the programs that this command started, or found running, has ended.
func (c *Cluster) checkRunning() error {
	for _, name := range c.ensured {
		if !c.processes().Running(name) {
			return c.failure(name, fmt.Errorf("%s has ended", name))
		}
	}
	return nil
}

// failure adds the end of a program's log to an error.
func (c *Cluster) failure(program string, err error) error {
	if program == "" {
		return err
	}
	path := c.processes().Log(program)
	log, readErr := os.ReadFile(path)
	if readErr != nil {
		return err
	}
	return fmt.Errorf("%w\nthe end of %s:\n%s", err, path, lastLines(log, 15))
}

func lastLines(text []byte, n int) []byte {
	lines := bytes.Split(bytes.TrimRight(text, "\n"), []byte("\n"))
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return bytes.Join(lines, []byte("\n"))
}
