// Command soak runs the real server in a memory cgroup of the pod's default
// limit, has a crowd of clients misbehave in every way that we know of, and
// sees what a well-behaved user notices. It prints one line, and fails if
//
//   - the server has ended,
//   - a login of the well-behaved user took 2 s, or anything it did failed,
//   - goroutines, descriptors or heap are not back where they were when the
//     crowd has gone,
//   - SIGTERM takes longer than the drain allows, with a crowd still there.
//
// It needs root, for the cgroup. The crowd is a process of its own with a low
// priority, so that the server and the well-behaved user have the processor as
// they would have it from clients on other machines.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const (
	memoryLimit = 512 << 20       // the pod's default
	worstLogin  = 2 * time.Second // that the well-behaved user puts up with

	acceptFor    = time.Second
	drainTimeout = 5 * time.Second
	drainSlack   = 2 * time.Second // for the process to end after it
)

func main() {
	duration := flag.Duration("for", 30*time.Minute, "how long the crowd misbehaves")
	only := flag.String("only", "", "attacks to run, with commas between them; all by default")
	program := flag.String("server", "bin/fileserver", "the server's binary")
	crowdAt := flag.String("crowd", "", "be the crowd, against the server that this file describes")
	list := flag.Bool("list", false, "list the attacks")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	var err error
	switch {
	case *list:
		for _, a := range attacks {
			fmt.Printf("%-22s %s\n", a.name, a.what)
		}
	case *crowdAt != "":
		err = beCrowd(ctx, *crowdAt, *only)
	default:
		err = soak(ctx, *program, *duration, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// soak is the whole test.
func soak(ctx context.Context, program string, duration time.Duration, only string) error {
	dir, err := os.MkdirTemp("", "fileserver-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := startServer(ctx, program, dir)
	if err != nil {
		return err
	}
	defer s.kill()

	friend := newFriend(s.target)
	friend.rounds(ctx, 3) // caches, pools and lazily made things
	start, err := s.rest(ctx, usage{}, 2*time.Second)
	if err != nil {
		return err
	}

	crowd, err := startCrowd(s.target, only)
	if err != nil {
		return err
	}
	defer crowd.end()
	during, cancel := context.WithTimeout(ctx, duration)
	friend.until(during)
	cancel()
	peak, _ := s.peakMemory()
	crowd.end()

	patience := min(max(duration/4, 15*time.Second), 3*time.Minute)
	end, notBack := s.rest(ctx, start, patience)
	// Some of them again, for the server to end under.
	if crowd, err = startCrowd(s.target, only); err != nil {
		return err
	}
	defer crowd.end()
	under, cancel := context.WithTimeout(ctx, 5*time.Second)
	friend.until(under)
	cancel()
	alive := s.alive()
	took, shutdown := s.shutdown(acceptFor + drainTimeout + drainSlack)

	fmt.Printf("soak: alive=%t logins=%d worst_login=%s over=%q transfers=%d failed=%d goroutines=%d->%d descriptors=%d->%d heap=%dMiB->%dMiB peak_memory=%dMiB shutdown=%s\n",
		alive, friend.logins, friend.worst.Round(time.Millisecond), friend.worstOver, friend.transfers, friend.failed,
		start.goroutines, end.goroutines, start.descriptors, end.descriptors, start.heap>>20, end.heap>>20, peak>>20, took.Round(10*time.Millisecond))
	var broken []error
	if !alive {
		broken = append(broken, fmt.Errorf("the server has ended; its last lines are:\n%s", s.lastLines()))
	}
	if friend.logins == 0 {
		broken = append(broken, errors.New("nobody could log in"))
	}
	if friend.worst >= worstLogin {
		broken = append(broken, fmt.Errorf("a login over %s took %s; it must take less than %s", friend.worstOver, friend.worst, worstLogin))
	}
	if friend.failed > 0 {
		broken = append(broken, fmt.Errorf("%d things that the well-behaved user did failed: %s", friend.failed, strings.Join(friend.errors, "; ")))
	}
	if err := errors.Join(errors.Join(broken...), notBack, shutdown); err != nil {
		return err
	}
	return ctx.Err()
}
