package ftp_test

import (
	"crypto/tls"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

func TestCertificatesSwapWithoutARestart(t *testing.T) {
	t.Parallel()
	var current atomic.Pointer[tls.Config]
	current.Store(&tls.Config{Certificates: []tls.Certificate{certificate("old.example.com")}})
	ts := serve(t, ftp.ListenerOptions{}, func(s *ftp.Options) {
		s.TLSConfig = func(*ftp.Conn, *tls.ClientHelloInfo) (*tls.Config, error) { return current.Load(), nil }
	})
	ts.write("/f", "data")
	name := func(c *client) string {
		return c.conn.(*tls.Conn).ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	config := clientTLS(0)
	c := ts.connect().startTLS(config).login().protectData(config)
	if got := name(c); got != "old.example.com" {
		t.Errorf("got %s", got)
	}
	current.Store(&tls.Config{Certificates: []tls.Certificate{certificate("new.example.com")}})
	if got := name(ts.connect().startTLS(clientTLS(0))); got != "new.example.com" {
		t.Errorf("got %s", got)
	}
	// The session that exists goes on, and its data connections resume.
	if c.get("RETR f"); !c.resumed {
		t.Error("not resumed after the swap")
	}
}

func TestHOSTAndServerNamesChooseCertificate(t *testing.T) {
	t.Parallel()
	configs := map[string]*tls.Config{
		"a.example.com": {Certificates: []tls.Certificate{certificate("a.example.com")}},
		"b.example.com": {Certificates: []tls.Certificate{certificate("b.example.com")}},
	}
	ts := serve(t, ftp.ListenerOptions{}, func(s *ftp.Options) {
		s.TLSConfig = func(c *ftp.Conn, hello *tls.ClientHelloInfo) (*tls.Config, error) {
			name := hello.ServerName
			if c.Host() != "" {
				name = c.Host()
			}
			if config := configs[name]; config != nil {
				return config, nil
			}
			return nil, errors.New("no such host")
		}
	})
	name := func(c *client) string {
		return c.conn.(*tls.Conn).ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	byHost := &tls.Config{InsecureSkipVerify: true}
	c := ts.connect()
	c.command("HOST B.example.com", "220 FTP server ready")
	if got := name(c.startTLS(byHost)); got != "b.example.com" {
		t.Errorf("by HOST: %s", got)
	}
	bySNI := &tls.Config{InsecureSkipVerify: true, ServerName: "a.example.com"}
	c = ts.connect().startTLS(bySNI)
	if got := name(c); got != "a.example.com" {
		t.Errorf("by server name: %s", got)
	}
	c.command("HOST b.example.com", "504 TLS was started for another host")
	c.command("HOST a.example.com", "220 FTP server ready")
	c.login()
	c.command("HOST a.example.com", "503 ...")
}
