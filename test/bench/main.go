// Command bench measures our file server beside the servers that people use
// otherwise, in one run on one machine: vsftpd, ProFTPD, Pure-FTPd and OpenSSH.
// It prints a line for each figure,
//
//	name ours theirs ratio goal
//
// where theirs is the best of the others and a ratio above 1 always means that
// ours is better. Files are in memory, connections on the loopback, the client
// is the same for all, and what it does itself costs next to nothing.
//
// It needs root, because those servers do.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
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
	notes   io.Writer
	running map[string]*server
}

func main() {
	if done, err := runHelper(os.Args[1:]); done {
		exit(err)
	}
	b := &bench{running: map[string]*server{}, notes: os.Stderr}
	only := flag.String("run", "", "measure only figures whose names match this regular expression")
	keep := flag.Bool("logs", false, "keep the folder with the servers' logs")
	flag.BoolVar(&b.verbose, "v", false, "say what each measurement gave, and the processor time that the server took for it")
	megabytes := flag.Int64("size", 1024, "size of large files, in MiB")
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
	exit(b.run(ctx, pattern, *keep))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (b *bench) run(ctx context.Context, pattern *regexp.Regexp, keep bool) error {
	allowFiles()
	var err error
	b.environment, err = newEnvironment(ctx, b.notes)
	if b.environment != nil && b.dir != "" && !keep {
		defer os.RemoveAll(b.dir)
	}
	if err != nil {
		return err
	}
	defer b.stopAll()
	// The deadline and signals end what a transfer may wait for.
	context.AfterFunc(ctx, b.stopAll)
	if keep {
		fmt.Fprintln(b.notes, "# logs are in", b.dir)
	}
	fmt.Printf("%-22s %9s %9s %6s %5s\n", "name", "ours", "theirs", "ratio", "goal")
	failed := 0
	for _, f := range append(ftpFigures(), sftpFigures()...) {
		if !pattern.MatchString(f.name) {
			continue
		}
		r := f.run(ctx, b)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		failed += len(r.errors)
		f.print(os.Stdout, r)
	}
	if failed > 0 {
		return fmt.Errorf("%d measurements failed", failed)
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
