package ftp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

func TestShutdownFinishesTransfersAndEndsIdleSessions(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	early, idle, busy := ts.connect(), ts.login(), ts.login()
	conn := busy.data(busy.epsv())
	busy.command("STOR f", "150 ...")
	io.WriteString(conn, "first, ")

	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		done <- ts.Shutdown(ctx)
	}()
	for _, c := range []*client{early, idle} {
		c.expect("421 Server is shutting down, closing the connection")
		c.expectClosed()
	}
	ts.awaitStopped()
	busy.command("NOOP", "200 ...")
	select {
	case err := <-done:
		t.Fatalf("Shutdown returned %v while a transfer ran", err)
	default:
	}
	io.WriteString(conn, "second")
	conn.Close()
	busy.expect("226 ...")
	busy.expect("421 Server is shutting down, closing the connection")
	busy.expectClosed()
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if got := ts.read("/f"); got != "first, second" {
		t.Errorf("got %q", got)
	}
}

func TestShutdownCutsWhatRunsWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	ts := serve(t, plain, rec.hook)
	c := ts.login()
	c.data(c.epsv())
	c.command("STOR f", "150 ...")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := ts.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	if r := rec.lastTransfer(t, 1); r.Err == nil {
		t.Errorf("%+v", r)
	}
}

func TestServeReturnsErrServerClosed(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- ts.Serve(ln, plain) }()
	c := &testServer{Server: ts.Server, t: t, addr: ln.Addr().String()}
	c.connect()
	if err := ts.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-result; !errors.Is(err, ftp.ErrServerClosed) {
		t.Errorf("Serve: %v", err)
	}
	ln, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ts.Serve(ln, plain); !errors.Is(err, ftp.ErrServerClosed) {
		t.Errorf("Serve afterwards: %v", err)
	}
}

func TestShutdownLetsWhatWasBegunFinish(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		begin  func(*client) net.Conn
		finish func(*client, net.Conn)
	}{
		"an upload whose data connection was asked for": {
			begin: func(c *client) net.Conn { return c.data(c.epsv()) },
			finish: func(c *client, conn net.Conn) {
				c.command("STOR g", "150 ...")
				conn.Close()
				c.expect("226 ...")
			},
		},
		"a download that is continued": {
			begin: func(c *client) net.Conn {
				c.command("REST 2", "350 ...")
				return nil
			},
			finish: func(c *client, _ net.Conn) {
				conn := c.data(c.epsv())
				c.command("RETR f", "150 ...")
				if got, _ := io.ReadAll(conn); string(got) != "ntent" {
					t.Errorf("got %q", got)
				}
				c.expect("226 ...")
			},
		},
		"a rename": {
			begin: func(c *client) net.Conn {
				c.command("RNFR f", "350 ...")
				return nil
			},
			finish: func(c *client, _ net.Conn) { c.command("RNTO g", "250 ...") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := serve(t, plain, nil)
			ts.write("/f", "content")
			c := ts.login()
			conn := tc.begin(c)
			done := make(chan error, 1)
			go func() { done <- ts.Shutdown(t.Context()) }()
			ts.awaitStopped()
			tc.finish(c, conn)
			c.expect("421 Server is shutting down, closing the connection")
			c.expectClosed()
			if err := <-done; err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		})
	}
}

func TestShutdownDoesNotWaitForAClientThatForgotItsDataConnection(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, func(s *ftp.Options) { s.Limits.DataTimeout = 100 * time.Millisecond })
	c := ts.login()
	c.epsv()
	done := make(chan error, 1)
	go func() { done <- ts.Shutdown(t.Context()) }()
	c.expect("421 Server is shutting down, closing the connection")
	c.expectClosed()
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// With DataTimeout as it is by default, that would be most of a drain.
func TestShutdownDoesNotWaitForADataConnectionThatNeverComes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		begin   func(*client)
		replies []string
	}{
		"asked for and not used": {func(c *client) { c.epsv() }, nil},
		"an offset":              {func(c *client) { c.command("REST 2", "350 ...") }, nil},
		"an upload":              {func(c *client) { c.epsv(); c.command("STOR f", "150 ...") }, []string{"425 ..."}},
		"a listing":              {func(c *client) { c.epsv(); c.command("LIST", "150 ...") }, []string{"425 ..."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := serve(t, plain, nil)
			ts.write("/f", "content")
			c := ts.login()
			tc.begin(c)
			began := time.Now()
			done := make(chan error, 1)
			go func() { done <- ts.Shutdown(t.Context()) }()
			for _, reply := range tc.replies {
				c.expect(reply)
			}
			c.expect("421 Server is shutting down, closing the connection")
			c.expectClosed()
			if err := <-done; err != nil || time.Since(began) > 15*time.Second {
				t.Errorf("Shutdown: %v after %v", err, time.Since(began))
			}
			if got := ts.read("/f"); got != "content" {
				t.Errorf("the file is now %q", got)
			}
		})
	}
}

// A client that sends a command in the very moment is told why it is not
// served: a reset would take the reply along.
func TestShutdownIsToldEvenToAClientThatIsAboutToAsk(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]ftp.ListenerOptions{"plain": plain, "TLS": {Implicit: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := serve(t, opts, func(s *ftp.Options) { s.GiveMore(patience) })
			conn, err := net.Dial("tcp", ts.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if opts.Implicit {
				conn = tls.Client(conn, clientTLS(0))
			}
			lines := bufio.NewReader(conn)
			if _, err := lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- ts.Shutdown(t.Context()) }()
			ts.awaitStopped()
			for range 3 {
				io.WriteString(conn, "NOOP\r\n")
			}
			line, err := lines.ReadString('\n')
			for line == "200 OK\r\n" { // the connection does not know yet
				line, err = lines.ReadString('\n')
			}
			if line != "421 Server is shutting down, closing the connection\r\n" {
				t.Errorf("got %q, %v", line, err)
			}
			if _, err := lines.ReadString('\n'); !errors.Is(err, io.EOF) {
				t.Errorf("then %v, want an orderly end", err)
			}
			conn.Close()
			if err := <-done; err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		})
	}
}

// awaitStopped waits until nothing is accepted any more.
func (ts *testServer) awaitStopped() {
	ts.t.Helper()
	eventually(ts.t, "nothing is accepted any more", func() bool {
		nc, err := net.Dial("tcp", ts.addr)
		if err == nil {
			nc.Close()
		}
		return err != nil
	})
}
