package local

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"
)

// waitFor waits until a check passes. It gives up at once when the program that it waits for has ended,
// and shows what that program said last.
func (c *Cluster) waitFor(ctx context.Context, what, program string, patience time.Duration, check func(context.Context) error) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for said := began; ; {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if program != "" && !c.processes().Running(program) {
			return c.failure(program, fmt.Errorf("%s has ended while waiting for %s", program, what))
		}
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			fmt.Fprintf(c.Out, "still waiting for %s, %s\n", what, time.Since(began).Round(time.Second))
		}
		select {
		case <-ctx.Done():
			return c.failure(program, fmt.Errorf("%s after %s: %w", what, time.Since(began).Round(time.Second), err))
		case <-time.After(100 * time.Millisecond):
		}
	}
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
