package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// patience is for anything that a server does; what takes longer has failed.
const patience = 2 * time.Minute

// ftpSession is a client that does as little as it can: the measured time is to
// be the server's.
type ftpSession struct {
	addr string
	conn net.Conn
	text *bufio.Reader
	tls  *tls.Config // of the data connections; nil without TLS
}

// tlsConfig is the same for all servers. Sessions are resumed.
func tlsConfig() *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, DynamicRecordSizingDisabled: true,
		ServerName: "bench", ClientSessionCache: tls.NewLRUClientSessionCache(4),
	}
}

// login opens a session, with TLS on both connections if secure is set.
func login(addr string, secure bool) (*ftpSession, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	s := &ftpSession{addr: addr, conn: conn, text: bufio.NewReaderSize(conn, 512)}
	if err := s.authenticate(secure); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

func (s *ftpSession) authenticate(secure bool) error {
	if _, err := s.reply(2); err != nil {
		return err
	}
	if secure {
		if _, err := s.command(2, "AUTH TLS"); err != nil {
			return err
		}
		s.tls = tlsConfig()
		conn := tls.Client(s.conn, s.tls)
		if err := conn.Handshake(); err != nil {
			return err
		}
		if suite := conn.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
			return fmt.Errorf("the cipher suite is %s, not the one of the others", tls.CipherSuiteName(suite))
		}
		s.conn, s.text = conn, bufio.NewReaderSize(conn, 512)
	}
	commands := []string{"USER " + account, "PASS " + password, "TYPE I"}
	if secure {
		commands = append(commands, "PBSZ 0", "PROT P")
	}
	for _, c := range commands {
		if _, err := s.command(0, c); err != nil {
			return err
		}
	}
	return nil
}

// command sends a line and wants a reply of a class: 1, 2, 3, or 0 for any that
// is no error.
func (s *ftpSession) command(class byte, line string) (string, error) {
	if err := s.send(line); err != nil {
		return "", err
	}
	reply, err := s.reply(class)
	if err != nil {
		verb, _, _ := strings.Cut(line, " ")
		err = fmt.Errorf("%s: %w", verb, err)
	}
	return reply, err
}

func (s *ftpSession) send(line string) error {
	s.conn.SetDeadline(time.Now().Add(patience))
	_, err := s.conn.Write([]byte(line + "\r\n"))
	return err
}

func (s *ftpSession) reply(class byte) (string, error) {
	s.conn.SetDeadline(time.Now().Add(patience))
	for {
		line, err := s.text.ReadString('\n')
		if err != nil {
			return "", err
		}
		if len(line) < 4 || line[3] == '-' || line[0] < '1' || line[0] > '5' {
			continue // a line of several
		}
		if got := line[0] - '0'; got > 3 || class != 0 && got != class {
			return "", fmt.Errorf("the server says %q", strings.TrimSpace(line))
		}
		return line, nil
	}
}

// passive opens a data connection.
func (s *ftpSession) passive() (*net.TCPConn, error) {
	reply, err := s.command(2, "EPSV")
	for range 20 {
		if err == nil || !strings.Contains(err.Error(), `"425 `) {
			break
		}
		// Some choose a port by chance, and do not choose again.
		reply, err = s.command(2, "EPSV")
	}
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(reply, "|||")
	text, _, _ := strings.Cut(rest, "|")
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("the server says %q", strings.TrimSpace(reply))
	}
	host, _, _ := net.SplitHostPort(s.addr)
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(port)), patience)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	return conn.(*net.TCPConn), nil
}

// start opens a data connection for a transfer command, with TLS if the
// session has it, and returns when the server is ready to transfer.
func (s *ftpSession) start(line string, wrap func(net.Conn) net.Conn) (*net.TCPConn, *tls.Conn, error) {
	raw, err := s.passive()
	if err != nil {
		return nil, nil, err
	}
	if err := s.send(line); err != nil {
		raw.Close()
		return nil, nil, err
	}
	if s.tls == nil {
		if _, err = s.reply(1); err != nil {
			raw.Close()
		}
		return raw, nil, err
	}
	// Some say that they are ready before the handshake and some after it.
	conn := tls.Client(wrap(raw), s.tls)
	shaken := make(chan error, 1)
	go func() { shaken <- conn.Handshake() }()
	if _, err = s.reply(1); err == nil {
		err = <-shaken
	}
	if err != nil {
		raw.Close()
		return nil, nil, fmt.Errorf("%.4s: %w", line, err)
	}
	return raw, conn, nil
}

// plainly changes nothing of what a transfer sends.
func plainly(c net.Conn) net.Conn { return c }

func (s *ftpSession) quit() {
	s.command(0, "QUIT")
	s.conn.Close()
}
