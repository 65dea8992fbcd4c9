package main

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// sshAttacks need no SFTP.
var sshAttacks = []attack{
	{"costly-key-exchange", "make the costliest key exchange, and go", 2, func(ctx context.Context, w *worker) {
		c, err := w.dial(w.SFTP)
		if err != nil {
			return
		}
		conf := &ssh.ClientConfig{User: "x", HostKeyCallback: ssh.InsecureIgnoreHostKey()}
		conf.KeyExchanges = []string{ssh.KeyExchangeDH16SHA512, ssh.KeyExchangeDH14SHA256}
		_, _, _, _ = ssh.NewClientConn(c, "soak", conf)
	}},
	{"half-open-ssh", "say which SSH one speaks, and no more", 20, func(ctx context.Context, w *worker) {
		c, err := w.dial(w.SFTP)
		if err != nil {
			return
		}
		io.WriteString(c, "SSH-2.0-half\r\n")
		hold(ctx, 5*time.Minute, c)
	}},
	{"long-passwords-ssh", "log in over SSH with passwords of 200,000 bytes", 4, func(ctx context.Context, w *worker) {
		w.ssh("nobody", strings.Repeat("x", 200_000))
	}},
	{"wrong-passwords-ssh", "guess passwords over SSH", 4, func(ctx context.Context, w *worker) {
		w.ssh(friendUser, "wrong")
	}},
	{"memory-hard-ssh", "log in over SSH as the user whose hash is memory-hard", 12, func(ctx context.Context, w *worker) {
		w.ssh(argonUser, "wrong")
	}},
	{"log-flood-ssh", "log in over SSH with names that would fill a log", 2, func(ctx context.Context, w *worker) {
		w.ssh(strings.Repeat("\x01", 200_000), "x")
	}},
	{"refused-channels", "ask for thousands of channels that are refused, and read no answer", 3, func(ctx context.Context, w *worker) {
		c, err := w.ssh(malloryUser, password)
		if err != nil {
			return
		}
		c.gate.close()
		var all sync.WaitGroup
		for range 4000 {
			all.Go(func() { _, _, _ = c.OpenChannel("nothing", make([]byte, 1000)) })
		}
		holdSSH(ctx, c, 3*time.Minute)
		all.Wait()
	}},
	{"idle-channels", "open channels, run nothing in them, and send what they take", 4, func(ctx context.Context, w *worker) {
		c, err := w.ssh(malloryUser, password)
		if err != nil {
			return
		}
		var all sync.WaitGroup
		for range 10 {
			ch, requests, err := c.OpenChannel("session", nil)
			if err != nil {
				break
			}
			go ssh.DiscardRequests(requests)
			all.Go(func() { _, _ = ch.Write(make([]byte, 4<<20)) })
			all.Go(func() { _, _ = ch.Stderr().Write(make([]byte, 4<<20)) })
		}
		holdSSH(ctx, c, 3*time.Minute)
		all.Wait()
	}},
	{"silent-programs", "run scp and md5sum, and say nothing", 4, func(ctx context.Context, w *worker) {
		c, err := w.ssh(malloryUser, password)
		if err != nil {
			return
		}
		for _, program := range []string{"scp -t .", "scp -f " + largeFile, "md5sum", "scp -f *", "scp -r -f ."} {
			s, err := c.NewSession()
			if err != nil {
				break
			}
			_ = s.Start(program)
		}
		holdSSH(ctx, c, 5*time.Minute)
	}},
}

// sshConn is a connection whose client can stop to read.
type sshConn struct {
	*ssh.Client
	gate *gate
}

func (w *worker) ssh(user, password string) (*sshConn, error) {
	c, err := w.dial(w.SFTP)
	if err != nil {
		return nil, err
	}
	g := &gate{Conn: c, shut: make(chan struct{})}
	client, err := newSSH(g, user, password)
	if err != nil {
		return nil, err
	}
	return &sshConn{client, g}, nil
}

// holdSSH keeps an SSH connection until it ends, or for a while.
func holdSSH(ctx context.Context, c *sshConn, d time.Duration) {
	pause(ctx, min(d, 5*time.Second)) // what is under way
	ended := make(chan struct{})
	go func() {
		_ = c.Wait()
		close(ended)
	}()
	select {
	case <-ctx.Done():
	case <-ended:
	case <-time.After(d):
	}
	c.gate.Conn.Close()
	c.gate.once.Do(func() { close(c.gate.shut) })
	_ = c.Client.Close()
}

// gate is a connection that can be shut for what comes from the server.
type gate struct {
	net.Conn
	shut   chan struct{} // closed when all is over
	once   sync.Once
	mu     sync.Mutex
	closed bool
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

func (g *gate) Read(b []byte) (int, error) {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed {
		<-g.shut
		return 0, net.ErrClosed
	}
	return g.Conn.Read(b)
}
