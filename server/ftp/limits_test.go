package ftp_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

func TestTheIdleTimerSleepsDuringTransfers(t *testing.T) {
	t.Parallel()
	const idle = 2 * time.Second // a busy machine may keep a client from going on for some time
	ts := serve(t, plain, func(s *ftp.Options) { s.Limits.IdleTimeout = idle })
	c := ts.login()
	conn := c.data(c.epsv())
	c.command("STOR f", "150 ...")
	started := time.Now()
	for time.Since(started) < idle*5/4 {
		io.WriteString(conn, "x")
		time.Sleep(20 * time.Millisecond) // the passing of time is what is tested
	}
	conn.Close()
	c.expect("226 ...")
	quiet := time.Now()
	c.command("NOOP", "200 ...")
	c.expect("421 Idle for too long, closing the connection")
	if d := time.Since(quiet); d < idle*9/10 {
		t.Errorf("after %v already", d)
	}
	c.expectClosed()
}

func TestALoginThatTakesTooLongIsEnded(t *testing.T) {
	inNoTime(t, func(t *testing.T) {
		const limit = patience / 10
		ts := serveOn(t, inMemory, plain, func(s *ftp.Options) { s.Limits.LoginTimeout = limit })
		began := time.Now()
		silent := ts.connect()
		silent.expect("421 Login took too long, closing the connection")
		silent.expectClosed()
		if d := time.Since(began); d != limit {
			t.Errorf("after %v", d)
		}
		busy := ts.connect()
		for began = time.Now(); time.Since(began) < limit; time.Sleep(limit / 10) {
			busy.command("NOOP", "200 ...")
		}
		busy.expect("421 Login took too long, closing the connection")
	})
}

func TestALineMayEndInABareLF(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, nil).connect()
	c.sendRaw("USER alice\nPASS secret\n")
	c.expect("331 ...")
	c.expect("230 ...")
}

func TestALineOver4KiBIs500AndRepeatedEndsTheSession(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, nil).login()
	c.command("NOOP "+strings.Repeat("x", 4091), "200 ...") // 4096 bytes are fine
	c.command("CWD "+strings.Repeat("x", 4093), "500 Command line too long")
	c.command("NOOP", "200 ...")
	for range 20 {
		c.send("CWD " + strings.Repeat("x", 10_000))
		if strings.HasPrefix(c.line(), "421 ") {
			c.expectClosed()
			return
		}
	}
	t.Error("still connected")
}

func TestAMegabyteWithoutANewlineEndsTheSession(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, nil).connect()
	// The server may close before all of it is written.
	go io.Copy(c.conn, bytes.NewReader(bytes.Repeat([]byte("x"), 1<<20)))
	c.expect("421 Command line too long")
	c.conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, c.conn); err != nil && isTimeout(err) {
		t.Error("still connected")
	}
}

func TestGarbageEndsTheSession(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, nil).connect()
	c.sendRaw(strings.Repeat("\x16\x03\x01\x02\x00\n", 50))
	for range 20 {
		if strings.HasPrefix(c.line(), "421 ") {
			return
		}
	}
	t.Error("still connected")
}

func TestTenThousandPipelinedCommandsAreAnsweredInOrderAndBounded(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	early := ts.connect()
	go io.WriteString(early.conn, strings.Repeat("NOOP\r\n", 10_000))
	for n := 0; ; n++ {
		line := early.line()
		if strings.HasPrefix(line, "421 ") {
			break
		}
		if n > 100 {
			t.Fatal("no end to commands before a login")
		}
	}
	c := ts.login()
	c.command("TYPE I", "200 ...")
	go func() {
		for i := range 10_000 {
			fmt.Fprintf(c.conn, "CLNT %d\r\nREST %d\r\n", i, i)
		}
	}()
	for i := range 10_000 {
		c.expect("200 Noted")
		c.expect(fmt.Sprintf("350 Restarting at %d, ...", i))
	}
}

func TestTooManyFailedLoginsEndTheConnection(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	ts := serve(t, plain, func(s *ftp.Options) { rec.hook(s); s.Limits.MaxLoginAttempts = 3 })
	c := ts.connect()
	for i, user := range []string{"alice", "nobody", "alice"} {
		c.command("USER "+user, "331 Password required")
		reply := "530 Login incorrect" // and nothing on which of the two it was
		if i == 2 {
			reply = "421 Login incorrect; too many attempts"
		}
		c.command("PASS wrong", reply)
	}
	c.expectClosed()
	if r := rec.lastSession(t); r.FailedLogins != 3 || r.Reason != "limit" || len(rec.logins) != 3 {
		t.Errorf("%+v", r)
	}
}

func TestAProbeThatConnectsAndLeavesIsNothing(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	ts := serve(t, plain, rec.hook)
	implicit := ts.listen("127.0.0.1:0", ftp.ListenerOptions{Implicit: true})
	for _, addr := range []string{ts.addr, implicit} {
		for range 3 {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
		}
	}
	eventually(t, "all have gone", func() bool {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		return len(rec.sessions) == 6
	})
	for _, r := range rec.sessions {
		if r.Commands != 0 || r.FailedLogins != 0 {
			t.Errorf("%+v", r)
		}
	}
	if log := ts.log.String(); log != "" {
		t.Errorf("above debug level there is %q", log)
	}
}

func TestRatesAreLimited(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, func(s *ftp.Options) { s.Limits.DownloadRate, s.Limits.UploadRate = 1_000_000, 500_000 })
	data := bytes.Repeat([]byte("x"), 200_000)
	c := ts.login()
	start := time.Now()
	c.put("STOR f", data)
	if d := time.Since(start); d < 300*time.Millisecond || d > patience {
		t.Errorf("200 kB at 500 kB/s took %v", d)
	}
	start = time.Now()
	c.get("RETR f")
	if d := time.Since(start); d < 150*time.Millisecond || d > patience {
		t.Errorf("200 kB at 1 MB/s took %v", d)
	}
}

// limitedBackend gives each session a limit of its own.
type limitedBackend struct{ ftp.Backend }

type limitedSession struct{ ftp.Session }

func (limitedSession) Limits(l ftp.Limits) ftp.Limits {
	l.MaxLineLength = 100
	return l
}

func (b limitedBackend) Login(ctx context.Context, c *ftp.Conn, user, password string) (ftp.Session, error) {
	s, err := b.Backend.Login(ctx, c, user, password)
	if err != nil {
		return nil, err
	}
	return limitedSession{s}, nil
}

func TestASessionMayChangeItsLimits(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, func(s *ftp.Options) { s.Backend = limitedBackend{s.Backend} })
	c := ts.connect()
	c.command("NOOP "+strings.Repeat("x", 200), "200 ...")
	c.login()
	c.command("NOOP "+strings.Repeat("x", 200), "500 ...")
	ts.set(func(s *ftp.Settings) { s.Limits = ftp.Limits{MaxCommandsBeforeLogin: 1} }) // of which the session makes its own again
	c.command("NOOP "+strings.Repeat("x", 200), "500 ...")
	c.command("REIN", "220 ...")
	c.command("NOOP "+strings.Repeat("x", 200), "200 ...")
}

func TestAConnectionMayBeRefusedBeforeItIsGreeted(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, func(s *ftp.Options) {
		s.Hooks.Connect = func(c *ftp.Conn) error {
			switch c.RemoteAddr().Addr().String() {
			case "127.0.0.2":
				return &ftp.Error{Code: 421, Text: "You are banned"}
			case "127.0.0.3":
				return net.ErrClosed
			}
			return nil
		}
	})
	ts.dial("127.0.0.2").expect("421 You are banned")
	ts.dial("127.0.0.3").expectClosed()
	ts.connect()
}

// keepAliveListener records how its connections are kept alive.
type keepAliveListener struct {
	net.Listener
	configs chan net.KeepAliveConfig
}

type keepAliveConn struct {
	*net.TCPConn
	configs chan net.KeepAliveConfig
}

func (l keepAliveListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return keepAliveConn{conn.(*net.TCPConn), l.configs}, nil
}

func (c keepAliveConn) SetKeepAliveConfig(config net.KeepAliveConfig) error {
	c.configs <- config
	return c.TCPConn.SetKeepAliveConfig(config)
}

func TestAControlConnectionIsKeptAliveMoreOftenThanBalancersForgetIt(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	configs := make(chan net.KeepAliveConfig, 1)
	ts := serve(t, plain, nil)
	go ts.Serve(keepAliveListener{ln, configs}, plain)
	ts.addr = ln.Addr().String()
	ts.connect()
	if config := <-configs; !config.Enable || config.Idle >= 240*time.Second {
		t.Errorf("%+v", config)
	}
}
