//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/test/clients"
)

// session is an FTPS session of a client outside the cluster, which a test
// holds open while it does something to the server. Its pod is known by the
// passive ports that it is told.
type session struct {
	host string
	tls  *tls.Config
	conn net.Conn
	text *textproto.Conn
	name string // of the file that it writes
	slot int    // of its pod
	seen string // the client's address, as the pod sees it, if it tells that
	err  error  // what ended it
}

// newSession logs in and moves a first file. Each step may take so long.
func newSession(ctx context.Context, t clients.Target, name string, patience time.Duration) (*session, error) {
	s := &session{host: t.Host, name: name, tls: &tls.Config{
		// What a test holds a session for is not about certificates.
		InsecureSkipVerify: true, ServerName: t.Host, ClientSessionCache: tls.NewLRUClientSessionCache(4),
	}}
	raw, err := s.dial(ctx, t.FTPS, patience)
	if err != nil {
		return nil, err
	}
	s.conn = tls.Client(raw, s.tls)
	s.text = textproto.NewConn(s.conn)
	s.within(patience)
	if _, _, err = s.text.ReadResponse(220); err == nil {
		err = s.login(t.User, t.Password)
	}
	if err == nil {
		err = s.put(ctx, patience)
	}
	if err != nil {
		s.conn.Close()
		return nil, err
	}
	return s, nil
}

func (s *session) login(user, password string) error {
	for _, step := range []struct {
		code int
		line string
	}{{331, "USER " + user}, {230, "PASS " + password}, {200, "PBSZ 0"}, {200, "PROT P"}, {200, "TYPE I"}} {
		if _, err := s.command(step.code, step.line); err != nil {
			return err
		}
	}
	status, err := s.command(211, "STAT")
	_, seen, _ := strings.Cut(status, "Connected from ")
	s.seen, _, _ = strings.Cut(seen, "\n")
	return err
}

func (s *session) dial(ctx context.Context, port int, patience time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return kube.Dial(ctx, net.JoinHostPort(s.host, strconv.Itoa(port)))
}

// within has everything on the control connection be done in that time.
func (s *session) within(patience time.Duration) { s.conn.SetDeadline(time.Now().Add(patience)) }

func (s *session) command(code int, line string) (string, error) {
	if err := s.text.PrintfLine("%s", line); err != nil {
		return "", err
	}
	_, reply, err := s.text.ReadResponse(code)
	return reply, err
}

// put writes a file over a passive data connection.
func (s *session) put(ctx context.Context, patience time.Duration) error {
	s.within(patience)
	reply, err := s.command(229, "EPSV")
	if err != nil {
		return err
	}
	_, after, _ := strings.Cut(reply, "(|||")
	text, _, _ := strings.Cut(after, "|")
	port, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("reading %q: %w", reply, err)
	}
	s.slot = (port - int(v1alpha1.PassiveFirst)) / portsPerPod
	raw, err := s.dial(ctx, port, patience)
	if err != nil {
		return fmt.Errorf("data connection: %w", err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(patience))
	if _, err := s.command(150, "STOR "+s.name); err != nil {
		return err
	}
	data := tls.Client(raw, s.tls)
	if _, err := data.Write(make([]byte, 4096)); err != nil {
		return err
	}
	if err := data.Close(); err != nil {
		return err
	}
	_, _, err = s.text.ReadResponse(226)
	return err
}

// noop asks whether the session is still there.
func (s *session) noop(patience time.Duration) error {
	s.within(patience)
	_, err := s.command(200, "NOOP")
	return err
}

// portsPerPod is the default.
const portsPerPod = 10
