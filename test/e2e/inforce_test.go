//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
)

// patience is how long one step of a session may take on a busy machine.
const patience = 30 * time.Second

// plainly connects without TLS, logs in, and uploads a file. It returns when it had
// logged in and when the upload was confirmed; zero is never.
func plainly(ctx context.Context, t clients.Target, name string) (loggedIn, uploaded time.Time) {
	s := &session{host: t.Host, name: name}
	conn, err := s.dial(ctx, t.FTP, patience)
	if err != nil {
		return loggedIn, uploaded
	}
	defer conn.Close()
	s.conn, s.text = conn, textproto.NewConn(conn)
	s.within(patience)
	if _, _, err := s.text.ReadResponse(220); err != nil {
		return loggedIn, uploaded
	}
	for _, step := range []struct {
		code int
		line string
	}{{331, "USER " + t.User}, {230, "PASS " + t.Password}} {
		if _, err := s.command(step.code, step.line); err != nil {
			return loggedIn, uploaded
		}
	}
	loggedIn = time.Now()
	reply, err := s.command(229, "EPSV")
	if err != nil {
		return loggedIn, uploaded
	}
	_, after, _ := strings.Cut(reply, "(|||")
	text, _, _ := strings.Cut(after, "|")
	port, err := strconv.Atoi(text)
	if err != nil {
		return loggedIn, uploaded
	}
	data, err := s.dial(ctx, port, patience)
	if err != nil {
		return loggedIn, uploaded
	}
	defer data.Close()
	if _, err := s.command(150, "STOR "+name); err != nil {
		return loggedIn, uploaded
	}
	if _, err := data.Write(make([]byte, 4096)); err != nil {
		return loggedIn, uploaded
	}
	data.Close()
	if _, _, err := s.text.ReadResponse(226); err == nil {
		uploaded = time.Now()
	}
	return loggedIn, uploaded
}

// patch changes the spec of the FileServer.
func (n *space) patch(spec string) {
	n.t.Helper()
	n.kubectl("patch", "fileserver", "files", "--type=merge", "-p", `{"spec":`+spec+`}`)
}

// inForce waits until the status says that nothing is under way, and returns when.
func (n *space) inForce() time.Time {
	n.t.Helper()
	n.eventually("the status says that all is in force", func() error {
		got := strings.Fields(n.kubectl("get", "fileserver", "files", "-o", `jsonpath={.metadata.generation} {.status.conditions[?(@.type=="Reconciling")].observedGeneration} {.status.conditions[?(@.type=="Reconciling")].status}`))
		if len(got) != 3 || got[0] != got[1] || got[2] != "False" {
			return fmt.Errorf("generation, observed and Reconciling are %q", got)
		}
		return nil
	})
	return time.Now()
}

// TestTLSIsRequiredOnceTheStatusSaysSo has clients without TLS come and go while
// TLS becomes required, and clients with it transfer all the while.
func TestTLSIsRequiredOnceTheStatusSaysSo(t *testing.T) {
	n := newSpace(t)
	target := n.serve("{replicas: 2, protocols: {ftp: {tls: Optional}, ftps: {}, sftp: {}}, " + spread + "}")
	n.settled(2)
	n.inForce()
	l := n.startSessions(target, "ftps-epsv,sftp")

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var mu sync.Mutex
	var logins, uploads []time.Time
	var strangers sync.WaitGroup
	for c := range 10 {
		strangers.Go(func() {
			for round := 0; ctx.Err() == nil; round++ {
				loggedIn, uploaded := plainly(ctx, target, fmt.Sprintf("plain-%d-%d", c, round))
				mu.Lock()
				logins, uploads = append(logins, loggedIn), append(uploads, uploaded)
				mu.Unlock()
			}
		})
	}
	n.eventually("clients without TLS upload", func() error {
		mu.Lock()
		defer mu.Unlock()
		if !slices.ContainsFunc(uploads, func(at time.Time) bool { return !at.IsZero() }) {
			return errors.New("none has")
		}
		return nil
	})

	n.patch(`{"protocols":{"ftp":{"tls":"Required"}}}`)
	since := n.inForce()
	for i := range 100 {
		if loggedIn, _ := plainly(t.Context(), target, fmt.Sprintf("late-%d", i)); !loggedIn.IsZero() {
			t.Errorf("login %d of 100 without TLS succeeds", i)
		}
	}
	stop()
	strangers.Wait()
	late := func(at time.Time) bool { return at.After(since) }
	if slices.ContainsFunc(logins, late) || slices.ContainsFunc(uploads, late) {
		t.Error("of the clients that come all the while, one has logged in, or uploaded, after the status has said that TLS is required")
	}
	r := l.finish()
	fmt.Printf("required %s\n", r)
	if !r.lossless() || r.Reconnected > 0 {
		t.Errorf("clients with TLS: %s", r)
	}
}

// hotOnTheWire are hot fields, two values of each, and how a new connection tells
// which of them is in force.
var hotOnTheWire = map[string]struct {
	values [2]string
	shows  func(ctx context.Context, t clients.Target) (string, error)
	want   [2]string
}{
	"protocols.ftp.tls": {
		[2]string{`{"protocols":{"ftp":{"tls":"Required"}}}`, `{"protocols":{"ftp":{"tls":"Optional"}}}`},
		func(ctx context.Context, t clients.Target) (string, error) {
			s := &session{host: t.Host}
			conn, err := s.dial(ctx, t.FTP, patience)
			if err != nil {
				return "", err
			}
			defer conn.Close()
			s.conn, s.text = conn, textproto.NewConn(conn)
			s.within(patience)
			if _, _, err := s.text.ReadResponse(220); err != nil {
				return "", err
			}
			if err := s.text.PrintfLine("USER nobody"); err != nil {
				return "", err
			}
			code, _, err := s.text.ReadCodeLine(0)
			return strconv.Itoa(code), err
		},
		[2]string{"530", "331"},
	},
	"tls.minVersion": {
		[2]string{`{"tls":{"minVersion":"1.3"}}`, `{"tls":{"minVersion":"1.2"}}`},
		func(ctx context.Context, t clients.Target) (string, error) {
			conn, err := kube.Dial(ctx, net.JoinHostPort(t.Host, strconv.Itoa(t.FTPS)))
			if err != nil {
				return "", err
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(patience))
			err = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}).HandshakeContext(ctx)
			return strconv.FormatBool(err == nil), nil
		},
		[2]string{"false", "true"},
	},
}

// TestHotFieldsAreInForceWithinSeconds changes fields back and forth. Connections
// are spread over the pods, so several in a row have to show the change.
func TestHotFieldsAreInForceWithinSeconds(t *testing.T) {
	const rounds, inARow = 10, 5
	n := newSpace(t)
	target := n.serve("{replicas: 2, protocols: {ftp: {tls: Optional}, ftps: {}, sftp: {}}, " + spread + "}")
	n.settled(2)
	for field, hot := range hotOnTheWire {
		var took []time.Duration
		for round := range rounds {
			began := time.Now()
			n.patch(hot.values[round%2])
			n.eventually(field+" is in force", func() error {
				for range inARow {
					if got, err := hot.shows(t.Context(), target); err != nil || got != hot.want[round%2] {
						return fmt.Errorf("a connection shows %s (%w)", got, err)
					}
				}
				return nil
			})
			took = append(took, time.Since(began))
		}
		fmt.Printf("hot %s %v\n", field, took)
		judge(t, "hot "+field, took)
	}
}

// judge prints how long changes took to be in force. The slowest of them tell of the
// machine, if others use it as well, unless one has waited for the kubelet to look by
// itself, which it does each minute or so.
func judge(t *testing.T, what string, took []time.Duration) {
	t.Helper()
	slices.Sort(took)
	p50, p95 := took[len(took)/2], took[(len(took)*95+99)/100-1]
	fmt.Printf("%s rounds=%d p50=%v p95=%v\n", what, len(took), p50, p95)
	if slowest := took[len(took)-1]; p50 > 2*time.Second || slowest > 30*time.Second {
		t.Errorf("%s: in force after %v at the median, and %v at most", what, p50, slowest)
	}
}

// TestColdFieldsCutNothing changes what replaces pods, one after the other, under
// load. Ports are in TestNoChangeCutsATransfer.
func TestColdFieldsCutNothing(t *testing.T) {
	n := newSpace(t)
	target := n.serve("{replicas: 2, drain: {timeout: 1m}, " + spread + "}")
	n.settled(2)
	for _, spec := range []string{`{"drain":{"timeout":"90s"}}`, `{"drain":{"acceptFor":"3s"}}`, `{"protocols":{"ftp":{},"sftp":{}}}`} {
		l := n.startSessions(target, "ftp-epsv,sftp")
		n.patch(spec)
		n.settled(2)
		r := l.finish()
		fmt.Printf("cold %s %s\n", spec, r)
		if !r.lossless() {
			t.Errorf("%s: %s", spec, r)
		}
	}
}
