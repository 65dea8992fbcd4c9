package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// friend is the well-behaved user, who logs in over each protocol in turn and
// moves a small file.
type friend struct {
	target
	dialer    net.Dialer
	logins    int
	transfers int
	failed    int
	errors    []string
	worst     time.Duration
	worstOver string
}

// patience is how long the friend waits for anything. It is longer than a login
// may take, so that what is too slow is measured.
const patience = 20 * time.Second

func newFriend(t target) *friend {
	return &friend{target: t, dialer: net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 9, 9, 9)}}}
}

// session is what the friend does after a login.
type session interface {
	put(name string, content []byte) error
	get(name string) ([]byte, error)
	remove(name string) error
	close()
}

// until works until the time is over.
func (f *friend) until(ctx context.Context) {
	for ctx.Err() == nil {
		f.rounds(ctx, 1)
	}
}

func (f *friend) rounds(ctx context.Context, n int) {
	for range n {
		for _, way := range []struct {
			name  string
			login func() (session, error)
		}{
			{"FTP", func() (session, error) { return f.loginFTP("plain", f.FTP) }},
			{"FTP with TLS", func() (session, error) { return f.loginFTP("explicit", f.FTP) }},
			{"FTPS", func() (session, error) { return f.loginFTP("implicit", f.FTPS) }},
			{"SFTP", f.loginSFTP},
		} {
			if ctx.Err() != nil {
				return
			}
			if err := f.visit(way.name, way.login); err != nil {
				f.failed++
				if len(f.errors) < 5 {
					f.errors = append(f.errors, way.name+": "+err.Error())
				}
				pause(ctx, 50*time.Millisecond) // a server that has gone fails at once
			}
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// visit logs in and moves a file there and back.
func (f *friend) visit(over string, login func() (session, error)) error {
	begun := time.Now()
	s, err := login()
	took := time.Since(begun)
	if took > f.worst {
		f.worst, f.worstOver = took, over
	}
	if err != nil {
		return fmt.Errorf("logging in, for %s: %w", took.Round(time.Millisecond), err)
	}
	f.logins++
	defer s.close()
	content := bytes.Repeat([]byte(over), 1000)
	if err := s.put("small", content); err != nil {
		return fmt.Errorf("uploading: %w", err)
	}
	got, err := s.get("small")
	if err != nil {
		return fmt.Errorf("downloading: %w", err)
	}
	if !bytes.Equal(got, content) {
		return errors.New("the file has come back as another one")
	}
	if err := s.remove("small"); err != nil {
		return fmt.Errorf("removing: %w", err)
	}
	f.transfers += 2
	return nil
}

type ftpSession struct{ *ftp.ServerConn }

func (f *friend) loginFTP(kind string, port int) (session, error) {
	conf := &tls.Config{InsecureSkipVerify: true, ServerName: serverIP, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	control := true
	options := []ftp.DialOption{ftp.DialWithDialFunc(func(network, address string) (net.Conn, error) {
		conn, err := f.dialer.Dial(network, address)
		if err != nil {
			return nil, err
		}
		conn = patient{conn}
		protected := kind == "implicit" || kind == "explicit" && !control
		control = false
		if protected {
			return tls.Client(conn, conf), nil
		}
		return conn, nil
	})}
	switch kind {
	case "explicit":
		options = append(options, ftp.DialWithExplicitTLS(conf))
	case "implicit":
		options = append(options, ftp.DialWithTLS(conf))
	}
	c, err := ftp.Dial(f.address(port), options...)
	if err != nil {
		return nil, err
	}
	if err := c.Login(friendUser, password); err != nil {
		_ = c.Quit()
		return nil, err
	}
	return ftpSession{c}, nil
}

func (s ftpSession) put(name string, content []byte) error {
	return s.Stor(name, bytes.NewReader(content))
}

func (s ftpSession) get(name string) ([]byte, error) {
	r, err := s.Retr(name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	return content, errors.Join(err, r.Close())
}

func (s ftpSession) remove(name string) error { return s.Delete(name) }

func (s ftpSession) close() { _ = s.Quit() }

type sftpSession struct {
	client *sftp.Client
	conn   *ssh.Client
}

func (f *friend) loginSFTP() (session, error) {
	conn, err := f.dialer.Dial("tcp", f.address(f.SFTP))
	if err != nil {
		return nil, err
	}
	c, err := newSSH(patient{conn}, friendUser, password)
	if err != nil {
		return nil, err
	}
	client, err := sftp.NewClient(c)
	if err != nil {
		c.Close()
		return nil, err
	}
	return sftpSession{client, c}, nil
}

// newSSH logs in with a password over a connection.
func newSSH(conn net.Conn, user, password string) (*ssh.Client, error) {
	c, channels, requests, err := ssh.NewClientConn(conn, "soak", &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.Password(password)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil
}

func (s sftpSession) put(name string, content []byte) error {
	w, err := s.client.Create(name)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return errors.Join(err, w.Close())
}

func (s sftpSession) get(name string) ([]byte, error) {
	r, err := s.client.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func (s sftpSession) remove(name string) error { return s.client.Remove(name) }

func (s sftpSession) close() {
	s.client.Close()
	s.conn.Close()
}

// patient gives up on a server that says nothing for so long.
type patient struct{ net.Conn }

func (c patient) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}
