// Command load moves files in many sessions at once and counts what goes wrong.
// The end-to-end tests run it where the clients are, while they change things.
//
// It runs until each session has made so many transfers, or until its standard
// input ends, and prints a Report in JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Report is what happened.
type Report struct {
	Sessions  int // that ran side by side
	Transfers int // that were completed, their content checked
	// Cut are transfers that began and did not complete.
	Cut int
	// Refused are commands, logins and connections that failed, other than by
	// the server's saying goodbye (421, or an SSH disconnect) between two transfers.
	Refused int
	// Reconnected are goodbyes, after each of which the session was made anew.
	Reconnected int
	// Unreached are transfers whose data connection could not be made.
	Unreached int
	// Errors are some of the texts behind Cut, Refused and Unreached.
	Errors []string `json:",omitempty"`
}

// options are what the sessions need to know.
type options struct {
	host            string
	ftp, ftps, sftp ports
	user, password  string
	kinds           []string
	transfers       int
	size, large     int
	connectFor      time.Duration // how long a refused connection is tried again
	patience        time.Duration // how long a connection may take, and a server say nothing
}

// ports are where a protocol may be served: clients know of a change of ports.
type ports []string

func (p *ports) String() string { return strings.Join(*p, ",") }

// Set takes ports with commas between them.
func (p *ports) Set(s string) error {
	*p = strings.Split(s, ",")
	return nil
}

func main() {
	o := options{ftp: ports{"21"}, ftps: ports{"990"}, sftp: ports{"22"}}
	var kinds string
	sessions := flag.Int("sessions", 1, "how many run side by side")
	flag.StringVar(&o.host, "host", "", "address of the server")
	flag.Var(&o.ftp, "ftp", "port, or several to be tried in turn")
	flag.Var(&o.ftps, "ftps", "port, or several to be tried in turn")
	flag.Var(&o.sftp, "sftp", "port, or several to be tried in turn")
	flag.StringVar(&o.user, "user", "", "who logs in; the password is in the environment, as PASSWORD")
	flag.StringVar(&kinds, "kinds", "ftp-epsv,ftp-pasv,ftps-epsv,ftps-pasv,sftp", "kinds of sessions, in turn")
	flag.IntVar(&o.transfers, "transfers", 0, "how many each session makes; 0: until standard input ends")
	flag.IntVar(&o.size, "size", 64<<10, "bytes of a file")
	flag.IntVar(&o.large, "large", 0, "bytes of every fourth file; 0: sixteen times as many as of the others")
	flag.DurationVar(&o.connectFor, "connect-for", 0, "how long a connection that is refused is tried again, and not counted")
	flag.DurationVar(&o.patience, "patience", time.Minute, "how long a connection may take to be made, and an FTP server say nothing")
	flag.Parse()
	o.password, o.kinds = os.Getenv("PASSWORD"), strings.Split(kinds, ",")
	if o.large == 0 {
		o.large = 16 * o.size
	}

	ctx, stop := context.WithCancel(context.Background())
	if o.transfers == 0 {
		go func() {
			io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	report := run(ctx, o, *sessions)
	stop()
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// run runs all sessions.
func run(ctx context.Context, o options, sessions int) Report {
	t := &tally{report: Report{Sessions: sessions}}
	var all sync.WaitGroup
	for i := range sessions {
		all.Go(func() {
			w := &worker{options: o, tally: t, id: i, kind: o.kinds[i%len(o.kinds)]}
			w.run(ctx)
		})
	}
	all.Wait()
	return t.report
}

// tally counts for all sessions.
type tally struct {
	mu     sync.Mutex
	report Report
}

func (t *tally) count(n *int, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*n++
	if format != "" && len(t.report.Errors) < 10 {
		t.report.Errors = append(t.report.Errors, fmt.Sprintf(format, args...))
	}
}
