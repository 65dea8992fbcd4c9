// Command bench measures our file server beside the servers that people use
// otherwise, in one run on one machine: vsftpd, ProFTPD, Pure-FTPd and OpenSSH.
// It prints a table for each leg,
//
//	figure ours theirs best-of ratio goal holds
//
// where theirs is the best of the others. The client is the same for all, and
// what it does itself costs next to nothing.
//
// It needs root, because those servers do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// bench is a run.
type bench struct {
	*environment
	rounds  int
	size    int64 // of large files
	cipher  string
	verbose bool
	strict  bool
	notes   io.Writer
	running map[string]*server
}

func main() {
	if done, err := runHelper(os.Args[1:]); done {
		exit(err)
	}
	b := &bench{notes: os.Stderr}
	leg := flag.String("leg", "", "measure only this leg")
	only := flag.String("run", "", "measure only figures whose names match this regular expression")
	disk := flag.String("disk", "/var/tmp", "where the files of the leg wire lie: a folder on a disk")
	keep := flag.Bool("logs", false, "keep the folder with the servers' logs")
	flag.BoolVar(&b.verbose, "v", false, "say what each measurement gave, and the processor time that the server took for it")
	megabytes := flag.Int64("size", 1024, "size of large files, in MiB")
	flag.BoolVar(&b.strict, "strict", false, "fail if a goal is missed")
	flag.IntVar(&b.rounds, "rounds", 3, "how often each figure is measured; the median counts")
	flag.StringVar(&b.cipher, "cipher", "aes128-gcm@openssh.com", "what SFTP is encrypted with")
	limit := flag.Duration("timeout", 45*time.Minute, "when to give up")
	flag.Parse()
	b.size = *megabytes << 20
	pattern, err := regexp.Compile(*only)
	if err != nil {
		exit(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	if !inside() {
		exit(enter(ctx, os.Stderr))
	}
	exit(b.run(ctx, *leg, *disk, pattern, *keep))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (b *bench) run(ctx context.Context, name, disk string, pattern *regexp.Regexp, keep bool) error {
	chosen := legs(disk)
	if name != "" {
		chosen = slices.DeleteFunc(chosen, func(l leg) bool { return l.name != name })
	}
	if len(chosen) == 0 {
		return fmt.Errorf("there is no leg %q", name)
	}
	allowFiles()
	if err := settleIn(); err != nil {
		return err
	}
	var errs []error
	for _, l := range chosen {
		if err := b.runLeg(ctx, l, pattern, keep); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", l.name, err))
		}
	}
	return errors.Join(errs...)
}

func (b *bench) runLeg(ctx context.Context, l leg, pattern *regexp.Regexp, keep bool) error {
	l.figures = slices.DeleteFunc(l.figures, func(f figure) bool { return !pattern.MatchString(f.name) })
	if len(l.figures) == 0 {
		return nil
	}
	var err error
	b.environment, err = newEnvironment(ctx, b.notes, l.path)
	if b.environment != nil {
		defer b.remove(keep)
	}
	if err != nil {
		return err
	}
	b.running = map[string]*server{}
	defer b.stopAll()
	// The deadline and signals end what a transfer may wait for.
	defer context.AfterFunc(ctx, b.stopAll)()
	if keep {
		fmt.Fprintln(b.notes, "# logs are in", b.dir)
	}
	printHead(os.Stdout, l)
	if err := b.printPath(os.Stdout); err != nil {
		return err
	}
	failed, missed := 0, 0
	for _, f := range l.figures {
		r := f.run(ctx, b)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		failed += len(r.errors)
		if !f.print(os.Stdout, r) {
			missed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d measurements failed", failed)
	}
	if b.strict && missed > 0 {
		return fmt.Errorf("%d goals are missed", missed)
	}
	return nil
}

// allowFiles lets this process and its children open as many files as they may.
func allowFiles() {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) == nil {
		l.Cur = l.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	}
}
