//go:build e2e

package matrix

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// row is one way in which one client works.
type row struct {
	client    string
	transport string // plain, explicit, implicit; ssh
	mode      string // passive, active; how SFTP logs in

	// why the client does not know this way; then it is not run.
	why string
	// cannot says why the client cannot do an operation, or take a name.
	cannot map[string]string
	// remarks say of operations that succeed what must be known of them.
	remarks map[string]string
	// legacy rows want the server with old algorithms.
	legacy bool
	// do has the client take the steps in their order, and returns what it
	// printed. An error is returned where the client tells of one.
	do func(ctx context.Context, s *session, steps []step) (string, error)
}

// protected says whether the row speaks TLS, however that begins.
func (r row) protected() bool { return r.transport == "explicit" || r.transport == "implicit" }

func rows() []row {
	var all []row
	for _, r := range [][]row{
		lftpRows(), curlRows(), tnftpRows(), inetutilsRows(), ncftpRows(), rcloneRows(), ftplibRows(), jlaffayeRows(), netFTPRows(),
		openSSHRows(), puttyRows(), sshfsRows(), librarySFTPRows(),
	} {
		all = append(all, r...)
	}
	return all
}

// The users of the tests that are no rows.
const (
	rekeyUser     = "rekey"
	interruptUser = "interrupt"
	linksUser     = "links"
)

func userNames() []string {
	all := []string{rekeyUser, interruptUser, linksUser}
	for i := range rows() {
		all = append(all, userName(i))
	}
	return all
}

func userName(i int) string { return fmt.Sprintf("user%02d", i) }

// session is a row with the user and the files that are its own.
type session struct {
	row
	place  *place
	server *server
	long   longFile
	user   string
	home   string // the user's folder on the server
	local  string // the client's folder
	output string // what the client printed last
}

// step is one thing that a client is told to do.
type step struct {
	verb string
	a, b string // from and to, or the one path
}

// The verbs. Remote paths are relative to the user's home, local ones are
// absolute.
const (
	put     = "put"   // local, remote
	get     = "get"   // remote, local
	rePut   = "reput" // go on with a file of which the remote has the head
	reGet   = "reget"
	list    = "ls"
	move    = "mv"
	remove  = "rm"
	makeDir = "mkdir"
	link    = "ln"    // target, link
	abort   = "abort" // remote: a download that is given up after its first bytes
)

func TestMatrix(t *testing.T) { volume.try(t, func(row) bool { return true }) }

// try has the rows that are asked for do all operations.
func (p *place) try(t *testing.T, asked func(row) bool) {
	for i, r := range rows() {
		if !asked(r) {
			continue
		}
		t.Run(strings.ReplaceAll(r.client+"/"+r.transport+"/"+r.mode, " ", "-"), func(t *testing.T) {
			t.Parallel()
			for _, op := range operations {
				p.set(i, op.name, result{state: "-"})
			}
			s := p.session(t, userName(i), r)
			s.long = p.long(i)
			start := time.Now()
			for _, op := range operations {
				got := s.try(t.Context(), op)
				p.set(i, op.name, got)
				if got.state == fail {
					t.Errorf("%s: %s\nthe client said: %s\nthe server said: %s", op.name, got.why, tail(s.output), s.server.logOf(s.user))
				}
			}
			if r.why == "" {
				t.Logf("%v, of which the large file %v", time.Since(start).Round(time.Millisecond), p.took(i, opLarge))
			}
		})
	}
}

// longFileOf is what a row moves as its long file: see the package's comment.
func longFileOf(i int) longFile {
	all := rows()
	for _, r := range all[:i] {
		if !long && r.client == all[i].client && r.protected() == all[i].protected() && r.why == "" && r.cannot[opLarge] == "" {
			return sources.medium
		}
	}
	return sources.large
}

func (p *place) session(t *testing.T, user string, r row) *session {
	t.Helper()
	s := &session{row: r, place: p, server: p.modern, user: user, local: filepath.Join(base, p.folder, user)}
	if r.legacy {
		s.server = p.legacy
	}
	s.home = s.server.home(s.user)
	for _, dir := range []string{s.home, s.local} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
	}
	return s
}

// try runs an operation, unless the client cannot.
func (s *session) try(ctx context.Context, op operation) result {
	if s.why != "" {
		return result{state: unable, why: s.why}
	}
	if why := cmp.Or(s.cannot[op.name], s.place.cannot[op.name]); why != "" {
		return result{state: unable, why: why}
	}
	limit := transferLimit(0)
	if op.name == opLarge {
		limit = transferLimit(2 * s.long.size)
		turns <- struct{}{}
		defer func() { <-turns }()
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	start := time.Now()
	why, err := op.run(ctx, s)
	r := result{state: passed, why: cmp.Or(why, s.remarks[op.name]), took: time.Since(start)}
	if err != nil {
		r.state, r.why = fail, err.Error()
		if ctx.Err() != nil {
			r.why = fmt.Sprintf("after %v: %v", limit, err)
		}
	}
	return r
}

// turns are held by the rows that move their large files, so that the disk need
// not hold more than two.
var turns = make(chan struct{}, 2)

// transferLimit is how long it may take to move some bytes.
func transferLimit(bytes int64) time.Duration {
	return time.Minute + time.Duration(bytes/(8<<20))*time.Second
}

// tell has the client take steps.
func (s *session) tell(ctx context.Context, steps ...step) error {
	var err error
	s.output, err = s.do(ctx, s, steps)
	return err
}

func (s *session) remote(name string) string  { return filepath.Join(s.home, name) }
func (s *session) scratch(name string) string { return filepath.Join(s.local, name) }

// command is a program's arguments, what it reads and what is added to its
// environment.
type command struct {
	argv  []string
	stdin string
	env   []string
}

// script is the do of a client that takes all steps in one run.
func script(f func(s *session, steps []step) command) func(context.Context, *session, []step) (string, error) {
	return func(ctx context.Context, s *session, steps []step) (string, error) {
		return s.exec(ctx, f(s, steps))
	}
}

// each is the do of a client that is run for each step.
func each(f func(s *session, st step) command) func(context.Context, *session, []step) (string, error) {
	return func(ctx context.Context, s *session, steps []step) (string, error) {
		var out strings.Builder
		for _, st := range steps {
			o, err := s.exec(ctx, f(s, st))
			out.WriteString(o)
			if err != nil {
				return out.String(), fmt.Errorf("%s: %w", st, err)
			}
		}
		return out.String(), nil
	}
}

func (st step) String() string { return fmt.Sprintf("%s %q %q", st.verb, st.a, st.b) }

// exec runs a program in the client's folder, which is its home as well.
func (s *session) exec(ctx context.Context, c command) (string, error) {
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Dir = s.local
	cmd.Stdin = strings.NewReader(c.stdin)
	cmd.Env = append(append(os.Environ(), "HOME="+s.local, "LC_ALL=C.UTF-8", "TERM=dumb"), c.env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// Programs that it has started end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%s: %w", filepath.Base(c.argv[0]), errors.Join(err, ctx.Err()))
	}
	return out.String(), err
}

func tail(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 2000 {
		s = "…" + s[len(s)-2000:]
	}
	return s
}
