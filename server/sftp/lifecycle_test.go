package sftp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	pkgsftp "github.com/pkg/sftp"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
	"github.com/fileserver-dev/fileserver-operator/server/sftp/rootfs"
)

// shutdown drains the server and waits for it.
func (f *fixture) shutdown(timeout time.Duration) <-chan error {
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		done <- f.server.Shutdown(ctx)
	}()
	return done
}

// ended reads from a raw session until it is over.
func (r *raw) ended() error {
	r.t.Helper()
	_, _, err := r.tryReceive()
	return err
}

func TestAnIdleSessionIsEndedByADrain(t *testing.T) {
	t.Parallel()
	f := serve(t)
	r := f.raw()
	done := f.shutdown(deadline)
	told := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(r.channel.Stderr())
		told <- string(b)
	}()
	if err := r.ended(); !errors.Is(err, io.EOF) {
		t.Errorf("the session ended with %v", err)
	}
	if got := <-told; !strings.Contains(got, "shutting down") {
		t.Errorf("the user was told %q", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s := f.events.session(t); s.Reason != "drain" {
		t.Errorf("ended as %q", s.Reason)
	}
	if c, err := net.Dial("tcp", f.addr); err == nil {
		c.Close()
		t.Error("the server still listens")
	}
}

func TestARunningTransferFinishesInADrain(t *testing.T) {
	inNoTime(t, func(t *testing.T) {
		f := serve(t, inMemory)
		r := f.raw()
		h := r.open("/f", openWrite|openCreate)
		r.want(statusOK, fxpWrite, h, uint64(0), "a")
		done := f.shutdown(deadline)
		for i := range 15 {
			time.Sleep(100 * time.Millisecond) // longer than a session without a file may be quiet
			r.want(statusOK, fxpWrite, h, uint64(i), "a")
		}
		r.want(statusOK, fxpClose, h)
		if err := r.ended(); err == nil {
			t.Error("the session goes on after the transfer")
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := f.content("f"); got != strings.Repeat("a", 15) {
			t.Errorf("the file is %q", got)
		}
		for _, tr := range f.events.transfers {
			if tr.Err != nil {
				t.Errorf("the transfer ended with %v", tr.Err)
			}
		}
	})
}

func TestADrainCutsNoFileOfASessionThatNeverRests(t *testing.T) {
	t.Parallel()
	f := serve(t)
	conn := f.ssh()
	client, err := pkgsftp.NewClient(conn)
	if err != nil {
		t.Fatal(err)
	}
	done := f.shutdown(2 * time.Second)
	files := 0
	for {
		file, err := client.Create("/f")
		if err != nil {
			break // the server has ended the session
		}
		_, err = file.Write([]byte("content"))
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatalf("after %d files, one was cut: %v", files, err)
		}
		files++
	}
	conn.Close()
	if err := <-done; err != nil {
		t.Errorf("Shutdown returned %v after %d files", err, files)
	}
	if s := f.events.session(t); s.Reason != "drain" {
		t.Errorf("ended as %q", s.Reason)
	}
}

func TestWhatStillRunsAtTheEndOfADrainIsCut(t *testing.T) {
	t.Parallel()
	f := serve(t)
	r := f.raw()
	r.open("/f", openWrite|openCreate)
	if err := <-f.shutdown(100 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown returned %v", err)
	}
	if err := r.ended(); err == nil {
		t.Error("the session goes on")
	}
}

func TestAnIdleSessionIsEnded(t *testing.T) {
	t.Parallel()
	f := serve(t)
	r := f.raw()
	f.server.SetLimits(sftp.Limits{IdleTimeout: 100 * time.Millisecond})
	if err := r.ended(); err == nil {
		t.Error("the session goes on")
	}
	if s := f.events.session(t); s.Reason != "idle" {
		t.Errorf("ended as %q", s.Reason)
	}
}

func TestAUserWhoIsRemovedIsEndedAtOnce(t *testing.T) {
	t.Parallel()
	f := serve(t)
	r := f.raw()
	r.open("/f", openWrite|openCreate)
	f.backend.SetUser("alice", nil)
	if err := r.ended(); err == nil {
		t.Error("the session goes on")
	}
	if s := f.events.session(t); s.Reason != "ended" {
		t.Errorf("ended as %q", s.Reason)
	}
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.backend.SetUser("bob", &rootfs.User{Password: password})
	r := f.raw()
	r.open("/f", openWrite|openCreate)
	infos := f.server.Sessions()
	if len(infos) != 1 {
		t.Fatalf("%d sessions", len(infos))
	}
	if i := infos[0]; i.User != "alice" || i.Channels != 1 || i.Handles != 1 || i.Transfers != 1 || i.Client != "Go" || i.Listener.Name != "sftp" {
		t.Errorf("described as %+v", i)
	}
	if n := f.server.EndSessions(func(i sftp.SessionInfo) bool { return i.User == "bob" }, "bye"); n != 0 {
		t.Errorf("%d sessions of somebody else were ended", n)
	}
	if n := f.server.EndSessions(func(i sftp.SessionInfo) bool { return i.User == "alice" }, "bye"); n != 1 {
		t.Errorf("%d sessions were ended", n)
	}
	if err := r.ended(); err == nil {
		t.Error("the session goes on")
	}
}

func TestALoginMayNotTakeForever(t *testing.T) {
	t.Parallel()
	f := serve(t, func(f *fixture) { f.options.Limits.LoginTimeout = 300 * time.Millisecond })
	for name, said := range map[string]string{"nothing": "", "a version": "SSH-2.0-x\r\n"} {
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, said)
		c.SetDeadline(time.Now().Add(deadline))
		if _, err := io.ReadAll(c); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("having said %s, a client may stay", name)
		}
		c.Close()
	}
	f.events.wait(t, "two sessions", func() bool { return len(f.events.sessions) == 2 })
	for _, s := range f.events.sessions {
		if s.Reason != "login timeout" || !s.Probe {
			t.Errorf("recorded as %+v", s)
		}
	}
}

func TestAProbeIsToldFromAClientAndNotLogged(t *testing.T) {
	t.Parallel()
	f := serve(t)
	for _, said := range []string{"", "GET / HTTP/1.0\r\n\r\n", "SSH-2.0-probe\r\n", strings.Repeat("x", 1000)} {
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, said)
		c.Close()
	}
	f.events.wait(t, "four sessions", func() bool { return len(f.events.sessions) == 4 })
	for _, s := range f.events.sessions {
		if !s.Probe || s.Commands != 0 {
			t.Errorf("recorded as %+v", s)
		}
	}
	f.ssh().Close()
	f.events.wait(t, "the client", func() bool { return len(f.events.sessions) == 5 })
	if s := f.events.sessions[4]; s.Probe || s.Cipher != "aes128-gcm@openssh.com" || s.Client != "Go" || s.Reason != "lost" && s.Reason != "quit" {
		t.Errorf("a client was recorded as %+v", s)
	}
	if got := f.log.String(); got != "" {
		t.Errorf("logged: %s", got)
	}
}

func TestWhoeverIsRefusedIsToldWhy(t *testing.T) {
	t.Parallel()
	const text = "Too many sessions, try again later"
	var full atomic.Bool
	f := serve(t, func(f *fixture) {
		f.options.Hooks.Connect = func(*sftp.Conn) error {
			if full.Load() {
				return &sftp.Error{Text: text}
			}
			return nil
		}
	})
	f.ssh()
	full.Store(true)
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(deadline))
	b, _ := io.ReadAll(c)
	if !strings.HasPrefix(string(b), "SSH-2.0-") || !strings.Contains(string(b), text) {
		t.Errorf("refused with %q, not %q", b, text)
	}
	if out, err := f.openSSH().run("sftp", "", "-b", "-", host); err == nil || !strings.Contains(out, text) {
		t.Errorf("OpenSSH shows %q: %v", out, err)
	}
	full.Store(false)
	f.setKey(f.key.PublicKey())
	f.ssh()
}

func TestRatesAreLimited(t *testing.T) {
	t.Parallel()
	const rate, size = 4 << 20, 2 << 20
	f := serve(t, func(f *fixture) {
		f.backend.SetUser("alice", &rootfs.User{Password: password, Keys: f.keys(), Limits: func(l sftp.Limits) sftp.Limits {
			l.DownloadRate, l.UploadRate = rate, rate
			return l
		}})
	})
	f.put("f", random(size))
	c := f.client()
	for name, move := range map[string]func() error{
		"down": func() error {
			file, err := c.Open("/f")
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = file.WriteTo(io.Discard)
			return err
		},
		"up": func() error {
			file, err := c.Create("/g")
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = file.ReadFrom(strings.NewReader(f.content("f")))
			return err
		},
	} {
		start := time.Now()
		if err := move(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// A tenth of a second's worth may go at once.
		if took, least := time.Since(start), time.Second*(size-rate/10)/rate; took < least*9/10 {
			t.Errorf("%s: took %v, not at least %v", name, took, least)
		}
	}
}
