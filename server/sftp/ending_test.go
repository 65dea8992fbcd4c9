package sftp_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
)

// A deafConn reads nothing any more once stop was called.
type deafConn struct {
	*net.TCPConn
	once sync.Once
	deaf chan struct{}
	gone chan struct{}
}

func (d *deafConn) Read(p []byte) (int, error) {
	n, err := d.TCPConn.Read(p)
	select {
	case <-d.deaf:
		<-d.gone
		return 0, net.ErrClosed
	default:
		return n, err
	}
}

func (d *deafConn) stop() { close(d.deaf) }

func (d *deafConn) Close() error {
	d.once.Do(func() { close(d.gone) })
	return d.TCPConn.Close()
}

// deaf logs in as alice, with a client that can be told to read nothing any more.
func (f *fixture) deaf() (*deafConn, *ssh.Client) {
	f.t.Helper()
	// The buffer is small from the beginning: made smaller later, it would take back
	// room that the server was told of, and Linux drops all that comes behind it,
	// with the acknowledgements that the client's own bytes need to get on.
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 16<<10) })
	}}
	conn, err := dialer.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	d := &deafConn{TCPConn: conn.(*net.TCPConn), deaf: make(chan struct{}), gone: make(chan struct{})}
	c, chans, reqs, err := ssh.NewClientConn(d, f.addr, &ssh.ClientConfig{
		User: "alice", Auth: []ssh.AuthMethod{ssh.PublicKeys(f.key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { d.Close() })
	return d, ssh.NewClient(c, chans, reqs)
}

// enough channels make more answers than sockets hold, and few enough for a client
// that looks through all of them to open one more.
const enough = 2000

// What a client may send without reading the answers.
var unread = map[string]func(f *fixture, client *ssh.Client, deaf func()){
	"channels that are refused": func(_ *fixture, client *ssh.Client, deaf func()) {
		deaf()
		for range enough {
			go client.OpenChannel("x", nil)
		}
	},
	"channels that are opened": func(_ *fixture, client *ssh.Client, deaf func()) {
		deaf()
		for range enough {
			go client.OpenChannel("session", nil)
		}
	},
	"small reads on several channels": func(f *fixture, client *ssh.Client, deaf func()) {
		var rs []*raw
		var hs []string
		for range 8 {
			r := f.rawSession(client)
			rs, hs = append(rs, r), append(hs, r.open("/f", openRead))
		}
		deaf()
		for n, r := range rs {
			go func() {
				for i := range uint32(20_000) {
					if _, err := r.channel.Write(packet(fxpRead, i, hs[n], uint64(0), uint32(3000))); err != nil {
						return
					}
				}
			}()
		}
	},
}

func TestAClientThatReadsNoAnswerIsEndedInTime(t *testing.T) {
	t.Parallel()
	const (
		limit = 300 * time.Millisecond
		soon  = 20 * time.Second // who waits for the client waits for ever
	)
	for reason, how := range map[string]struct {
		end func(f *fixture)
	}{
		"stalled": {func(f *fixture) { f.server.SetLimits(sftp.Limits{StallTimeout: limit}) }},
		"ended":   {func(f *fixture) { f.backend.SetUser("alice", nil) }},
		"drain": {func(f *fixture) {
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			began := time.Now()
			if err := f.server.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				f.t.Error(err)
			}
			if took := time.Since(began); took > soon {
				f.t.Errorf("Shutdown took %v", took)
			}
		}},
		"closed": {func(f *fixture) {
			began := time.Now()
			f.server.Close()
			if took := time.Since(began); took > soon {
				f.t.Errorf("Close took %v", took)
			}
		}},
	} {
		for what, flood := range unread {
			t.Run(reason+", "+what, func(t *testing.T) {
				t.Parallel()
				f := serve(t, func(f *fixture) { f.buffer = 16 << 10 })
				f.server.WaitForPrograms(2 * deadline)
				f.put("f", random(3000))
				d, client := f.deaf()
				flood(f, client, d.stop)
				f.blocked()
				how.end(f)
				s := f.events.session(t)
				if s.Reason != reason && (reason != "closed" || s.Reason != "drain") {
					t.Errorf("ended as %q", s.Reason)
				}
			})
		}
	}
}

// blocked waits until the server can send nothing more to its only client.
func (f *fixture) blocked() {
	f.t.Helper()
	eventually(f.t, "the client to be sent what it does not read", func() bool { return f.server.Unsent() > 50*time.Millisecond })
}

func TestAnIdleClientThatReadsNoAnswerIsIdle(t *testing.T) {
	t.Parallel()
	f := serve(t, func(f *fixture) {
		f.options.Limits, f.buffer = sftp.Limits{StallTimeout: -1}, 16<<10
	})
	d, client := f.deaf()
	unread["channels that are refused"](f, client, d.stop)
	f.blocked()
	f.server.SetLimits(sftp.Limits{IdleTimeout: 300 * time.Millisecond, StallTimeout: -1})
	if s := f.events.session(t); s.Reason != "idle" {
		t.Errorf("ended as %q", s.Reason)
	}
}

func TestAClientThatReadsSlowlyIsNotStalled(t *testing.T) {
	t.Parallel()
	f := serve(t, func(f *fixture) {
		f.options.Limits, f.buffer = sftp.Limits{StallTimeout: 6 * time.Second}, 64<<10
	})
	content := random(3 << 20)
	f.put("f", content)
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	c, chans, reqs, err := ssh.NewClientConn(&slowConn{Conn: conn}, f.addr, &ssh.ClientConfig{
		User: "alice", Auth: []ssh.AuthMethod{ssh.PublicKeys(f.key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		t.Fatal(err)
	}
	client := ssh.NewClient(c, chans, reqs)
	defer client.Close()
	r := f.rawSession(client)
	h := r.open("/f", openRead)
	for i := range uint32(12) {
		r.ask(fxpRead, h, uint64(i)*(255<<10), uint32(255<<10))
	}
	for range 12 {
		if kind, _ := r.receive(); kind != fxpData {
			t.Fatalf("no data but %d", kind)
		}
	}
	if n := len(f.server.Sessions()); n != 1 {
		t.Errorf("%d sessions are left", n)
	}
}

// A slowConn takes some eight seconds for what the test above reads.
type slowConn struct{ net.Conn }

func (s *slowConn) Read(p []byte) (int, error) {
	time.Sleep(10 * time.Millisecond)
	return s.Conn.Read(p[:min(len(p), 4<<10)])
}

func TestAConnectionIsEvictedFromAnyGoroutine(t *testing.T) {
	t.Parallel()
	var first *sftp.Conn
	var once sync.Once
	f := serve(t, func(f *fixture) {
		f.options.Hooks.Connect = func(c *sftp.Conn) error {
			once.Do(func() { first = c })
			if c != first {
				first.Abort()
			}
			return nil
		}
	})
	silent, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	silent.SetDeadline(time.Now().Add(deadline))
	if _, err := silent.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	f.ssh()
	if s := f.events.session(t); s.Reason != "limit" {
		t.Errorf("ended as %q", s.Reason)
	}
	first.Abort()
}
