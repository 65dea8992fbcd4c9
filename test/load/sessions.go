package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// dial makes a session of the worker's kind: "sftp", or ftp, ftps (implicit) or
// plain, with "-epsv" or "-pasv" behind.
func (w *worker) dial() (session, error) {
	protocol, mode, _ := strings.Cut(w.kind, "-")
	at, dial := w.ftp, func(address string) (session, error) { return w.dialFTP(address, protocol, mode) }
	switch protocol {
	case "sftp":
		at, dial = w.sftp, w.dialSFTP
	case "ftps":
		at = w.ftps
	}
	var failed error
	for _, port := range at {
		s, err := dial(net.JoinHostPort(w.host, port))
		if err == nil {
			return s, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

func (w *worker) dialFTP(address, protocol, mode string) (session, error) {
	f := &ftpSession{protocol: protocol, patience: w.patience, tls: &tls.Config{
		// The tests are about what becomes of transfers, not about certificates.
		InsecureSkipVerify: true, ServerName: w.host, ClientSessionCache: tls.NewLRUClientSessionCache(4),
	}}
	options := []ftp.DialOption{
		ftp.DialWithTimeout(w.patience), ftp.DialWithDisabledEPSV(mode == "pasv"), ftp.DialWithDialFunc(f.dial),
	}
	switch protocol {
	case "ftp":
		options = append(options, ftp.DialWithExplicitTLS(f.tls))
	case "ftps":
		options = append(options, ftp.DialWithTLS(f.tls))
	case "plain":
	default:
		return nil, fmt.Errorf("there is no kind %q", w.kind)
	}
	var err error
	if f.conn, err = ftp.Dial(address, options...); err != nil {
		return nil, err
	}
	if err := f.conn.Login(w.user, w.password); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

type ftpSession struct {
	conn     *ftp.ServerConn
	protocol string
	tls      *tls.Config
	patience time.Duration
	control  bool // there is a control connection
	data     bool // there was a data connection since the last ready

	unreached bool // a data connection could not be made
}

// dial makes the control connection, and then data connections. It does what
// the library does without it, and notes when a transfer has begun.
func (s *ftpSession) dial(network, address string) (net.Conn, error) {
	conn, err := net.DialTimeout(network, address, s.patience)
	if err != nil {
		s.unreached = s.control
		return nil, err
	}
	conn = patientConn{conn, s.patience}
	s.data = s.control
	// Over explicit TLS the control connection is upgraded later, by AUTH.
	protected := s.protocol == "ftps" || s.protocol == "ftp" && s.control
	s.control = true
	if protected {
		return tls.Client(conn, s.tls), nil
	}
	return conn, nil
}

// patientConn gives up on a peer that says nothing for so long.
type patientConn struct {
	net.Conn
	patience time.Duration
}

func (c patientConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c patientConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (s *ftpSession) ready() error {
	s.data = false
	return s.goodbye(s.conn.NoOp())
}

func (s *ftpSession) close() { s.conn.Quit() }

func (s *ftpSession) put(name string, r io.Reader) error {
	return s.goodbye(s.conn.Stor(name, r))
}

func (s *ftpSession) get(name string, w io.Writer) error {
	s.data = false
	r, err := s.conn.Retr(name)
	if err != nil {
		return s.goodbye(err)
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, r.Close())
}

// goodbye knows reply 421 (RFC 959 section 5.4), which may come in place of the
// reply to any command, but not once a data connection was made. The library
// tries PASV when EPSV is answered so, and then finds the connection closed:
// without a data connection that is the same.
func (s *ftpSession) goodbye(err error) error {
	var code *textproto.Error
	switch {
	case err == nil:
		return nil
	case s.unreached:
		return fmt.Errorf("%w: %w", errUnreached, err)
	case !s.data && (!errors.As(err, &code) || code.Code == 421):
		return errGoodbye
	}
	return err
}

func (w *worker) dialSFTP(address string) (session, error) {
	c, err := ssh.Dial("tcp", address, &ssh.ClientConfig{
		User: w.user, Auth: []ssh.AuthMethod{ssh.Password(w.password)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: w.patience,
	})
	if err != nil {
		return nil, err
	}
	s, err := sftp.NewClient(c, sftp.UseConcurrentWrites(true)) // as other programs do
	if err != nil {
		c.Close()
		return nil, err
	}
	return &sftpSession{c, s}, nil
}

type sftpSession struct {
	conn *ssh.Client
	sftp *sftp.Client
}

func (s *sftpSession) close() {
	s.sftp.Close()
	s.conn.Close()
}

// ready asks for something that costs nothing. A connection that has ended
// between two files was ended in good order: a transfer that was cut shows in
// put and get.
func (s *sftpSession) ready() error {
	if _, err := s.sftp.Getwd(); err != nil {
		return errGoodbye
	}
	return nil
}

func (s *sftpSession) put(name string, r io.Reader) error {
	f, err := s.sftp.Create(name)
	if err != nil {
		return s.goodbye(err)
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

func (s *sftpSession) get(name string, w io.Writer) error {
	f, err := s.sftp.Open(name)
	if err != nil {
		return s.goodbye(err)
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// goodbye tells a connection that ended before a file was opened from a refusal.
func (s *sftpSession) goodbye(err error) error {
	if e := (*sftp.StatusError)(nil); errors.As(err, &e) {
		return err
	}
	return errGoodbye
}
