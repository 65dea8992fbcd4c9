package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// ftpAttacks need no data connection.
var ftpAttacks = []attack{
	{"silent", "connect to all three protocols and say nothing", 60, func(ctx context.Context, w *worker) {
		var conns []net.Conn
		for _, port := range []int{w.FTP, w.FTPS, w.SFTP, w.FTP, w.FTPS, w.SFTP} {
			if c, err := w.dial(port); err == nil {
				conns = append(conns, c)
			}
		}
		hold(ctx, 5*time.Minute, conns...)
	}},
	{"half-open-tls", "begin a TLS handshake, explicit and implicit, and stop in its middle", 20, func(ctx context.Context, w *worker) {
		half := []byte{22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3}
		var conns []net.Conn
		if c, err := w.dial(w.FTPS); err == nil {
			c.Write(half)
			conns = append(conns, c)
		}
		if f, err := w.connect(); err == nil {
			f.ask("AUTH TLS")
			f.Write(half)
			conns = append(conns, f.Conn)
		}
		hold(ctx, 5*time.Minute, conns...)
	}},
	{"tls-handshakes", "make one TLS handshake after the other", 2, func(ctx context.Context, w *worker) {
		if c, err := w.dial(w.FTPS); err == nil {
			_ = tls.Client(c, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx)
		}
	}},
	{"wrong-passwords", "guess passwords over FTP", 4, func(ctx context.Context, w *worker) {
		w.guess(friendUser, "wrong")
	}},
	{"long-passwords", "log in with passwords as long as a line may be", 4, func(ctx context.Context, w *worker) {
		w.guess("nobody", strings.Repeat("x", 4000))
	}},
	{"memory-hard", "log in as the user whose hash is memory-hard", 24, func(ctx context.Context, w *worker) {
		w.guess(argonUser, "wrong")
	}},
	{"relogin", "log in thousands of times on one connection", 2, func(ctx context.Context, w *worker) {
		f, err := w.connect()
		if err != nil {
			return
		}
		go func() {
			text := strings.Repeat("USER "+readerUser+"\r\nPASS "+password+"\r\n", 50)
			for {
				if _, err := io.WriteString(f, text); err != nil {
					return
				}
			}
		}()
		hold(ctx, time.Minute, f.Conn)
	}},
	{"unread-replies", "ask for much text on an FTP connection and read none of it", 10, func(ctx context.Context, w *worker) {
		f, err := w.login(malloryUser)
		if err != nil {
			return
		}
		for end := time.Now().Add(3 * time.Minute); ctx.Err() == nil && time.Now().Before(end); {
			if _, err := io.WriteString(f, strings.Repeat("HELP\r\nSTAT\r\nFEAT\r\n", 100)); err != nil {
				return
			}
		}
	}},
	{"endless-lines", "send a command that does not end", 4, func(ctx context.Context, w *worker) {
		f, err := w.connect()
		if err != nil {
			return
		}
		for range 2000 {
			if _, err := f.Write(make([]byte, 16<<10)); err != nil {
				return
			}
		}
	}},
	{"log-flood-ftp", "log in with names that would fill a log", 2, func(ctx context.Context, w *worker) {
		w.guess(strings.Repeat("\x01", 4000), "x")
	}},
	{"endless-comb", "join a file with a link to itself", 2, func(ctx context.Context, w *worker) {
		f, err := w.login(malloryUser)
		if err != nil {
			return
		}
		name := fmt.Sprintf("comb-%d", w.host.Load())
		f.ask("COMB \"%s\" \"%s\"", name, largeFile)
		f.ask("SITE SYMLINK %s %s-link", name, name)
		for range 4 {
			if f.ask("COMB \"%s\" \"%s-link\"", name, name) != nil {
				break
			}
		}
		f.ask("DELE %s-link", name)
		f.ask("DELE %s", name)
	}},
}

// control is an FTP control connection.
type control struct {
	net.Conn
	r     *bufio.Reader
	reply string // the last line of the last reply
}

func (w *worker) connect() (*control, error) {
	c, err := w.dial(w.FTP)
	if err != nil {
		return nil, err
	}
	f := &control{Conn: c, r: bufio.NewReaderSize(c, 512)}
	return f, f.read()
}

// read reads a reply, and fails if it is one of refusal.
func (f *control) read() error {
	for {
		f.SetReadDeadline(time.Now().Add(time.Minute))
		line, err := f.r.ReadString('\n')
		if err != nil {
			return err
		}
		if len(line) >= 4 && line[3] == ' ' && line[0] >= '1' && line[0] <= '5' {
			f.reply = strings.TrimSpace(line)
			f.SetReadDeadline(time.Time{})
			if line[0] >= '4' {
				return errors.New(f.reply)
			}
			return nil
		}
	}
}

func (f *control) ask(format string, args ...any) error {
	if _, err := fmt.Fprintf(f, format+"\r\n", args...); err != nil {
		return err
	}
	return f.read()
}

func (w *worker) login(user string) (*control, error) {
	f, err := w.connect()
	if err != nil {
		return nil, err
	}
	f.ask("USER %s", user)
	if err := f.ask("PASS %s", password); err != nil {
		return nil, err
	}
	return f, f.ask("TYPE I")
}

// guess tries a password until the server has had enough of it.
func (w *worker) guess(user, password string) {
	f, err := w.connect()
	if err != nil {
		return
	}
	for range 5 {
		f.ask("USER %s", user)
		if err := f.ask("PASS %s", password); err != nil && !strings.HasPrefix(err.Error(), "530") {
			return
		}
	}
}
