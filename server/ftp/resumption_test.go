package ftp_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// protected is a client that protects its data connections.
func (ts *testServer) protected(conf *tls.Config) *client {
	ts.t.Helper()
	return ts.connect().startTLS(conf).login().protectData(conf)
}

func TestDataConnectionsLeaveQuantumComputersToTheSessionThatTheyResume(t *testing.T) {
	t.Parallel()
	ts := serve(t, ftp.ListenerOptions{}, nil)
	ts.write("/f", "data")
	for name, tc := range map[string]struct {
		offered []tls.CurveID
		resumed bool
		want    tls.CurveID
	}{
		"a session that is resumed":   {nil, true, tls.X25519},
		"none":                        {nil, false, tls.X25519MLKEM768},
		"a client with nothing else":  {[]tls.CurveID{tls.X25519MLKEM768}, true, tls.X25519MLKEM768},
		"a client with another curve": {[]tls.CurveID{tls.X25519MLKEM768, tls.CurveP256}, true, tls.X25519MLKEM768},
	} {
		conf := clientTLS(tls.VersionTLS13)
		conf.CurvePreferences = tc.offered
		c := ts.connect().startTLS(conf).login()
		if !tc.resumed {
			conf = conf.Clone()
			conf.ClientSessionCache = nil
		}
		c.protectData(conf)
		if c.get("RETR f"); c.resumed != tc.resumed || c.exchange != tc.want {
			t.Errorf("%s: resumed: %v, with %v", name, c.resumed, c.exchange)
		}
	}
}

func TestAStrangerTakesNoDataConnectionOfAClientThatResumes(t *testing.T) {
	t.Parallel()
	tlsVersions(t, func(t *testing.T, version uint16) {
		ts := serve(t, ftp.ListenerOptions{}, nil)
		ts.write("/f", "alice's")
		c := ts.protected(clientTLS(version))
		c.get("RETR f") // and has resumed
		strangers := map[string]func(net.Conn){
			"silent": func(net.Conn) {},
			"noise":  func(conn net.Conn) { io.WriteString(conn, "SSH-2.0-x\r\n") },
			"TLS": func(conn net.Conn) {
				tc := tls.Client(conn, clientTLS(version))
				io.WriteString(tc, "mallory's")
				if b, _ := io.ReadAll(tc); len(b) > 0 {
					t.Errorf("a stranger has received %q", b)
				}
			},
		}
		for name, do := range strangers {
			for _, command := range []string{"RETR f", "STOR g"} {
				addr := c.epsv()
				stranger := c.data(addr)
				conn := c.data(addr)
				c.command(command, "150 ...")
				go do(stranger)
				tc := c.protect(conn)
				if command == "RETR f" {
					if got := c.readAll(tc); string(got) != "alice's" {
						t.Errorf("%s: got %q", name, got)
					}
				} else {
					io.WriteString(tc, "alice's")
				}
				tc.Close()
				c.expect("226 ...")
			}
			if got := ts.read("/g"); got != "alice's" {
				t.Errorf("%s: stored %q", name, got)
			}
		}
	})
}

func TestAClientThatNeverResumesIsServed(t *testing.T) {
	t.Parallel()
	tlsVersions(t, func(t *testing.T, version uint16) {
		ts := serve(t, ftp.ListenerOptions{}, nil)
		conf := clientTLS(version)
		conf.ClientSessionCache = nil
		c := ts.protected(conf)
		for i := range 3 {
			c.put(fmt.Sprintf("STOR %d", i), []byte("data"))
			c.get(fmt.Sprintf("RETR %d", i))
		}
	})
}

// onceCache forgets each session when it is used, as some clients do with those of TLS
// 1.3 (RFC 8446 appendix C.4).
type onceCache struct{ tls.ClientSessionCache }

func (c onceCache) Get(key string) (*tls.ClientSessionState, bool) {
	state, ok := c.ClientSessionCache.Get(key)
	c.Put(key, nil)
	return state, ok
}

func TestAClientThatUsesATicketOnceIsServedWhenItHasNone(t *testing.T) {
	t.Parallel()
	ts := serve(t, ftp.ListenerOptions{}, nil)
	conf := clientTLS(tls.VersionTLS13)
	conf.ClientSessionCache = onceCache{conf.ClientSessionCache}
	c := ts.protected(conf)
	var resumed []bool
	for _, command := range []string{"STOR a", "STOR b", "RETR a", "RETR b", "STOR c", "STOR d"} {
		if command[0] == 'S' {
			c.put(command, []byte("data"))
		} else {
			c.get(command)
		}
		resumed = append(resumed, c.resumed)
	}
	if want := []bool{true, false, false, true, true, false}; !slices.Equal(resumed, want) {
		t.Errorf("resumed: %v, want %v", resumed, want)
	}
}

func TestAnUploadSendsTheClientNothingThatItMayLeaveUnread(t *testing.T) {
	t.Parallel()
	for name, conf := range map[string]*tls.Config{
		"resumed": clientTLS(tls.VersionTLS13),
		"not resumed": {
			InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, ClientSessionCache: tls.NewLRUClientSessionCache(1),
			ServerName: "ftp.example.com",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := serve(t, ftp.ListenerOptions{}, nil)
			c := ts.protected(conf)
			if name != "resumed" {
				c.tls.ClientSessionCache.Put("ftp.example.com", nil)
				c.tls = c.tls.Clone()
				c.tls.ClientSessionCache = nil
			}
			tc, raw := c.start("STOR f")
			if c.resumed != (name == "resumed") {
				t.Errorf("resumed: %v", c.resumed)
			}
			io.WriteString(tc, "data")
			raw.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if n, err := raw.Read(make([]byte, 100)); n != 0 || !isTimeout(err) {
				t.Errorf("%d bytes came, %v", n, err)
			}
			tc.Close()
			c.expect("226 ...")
			if got := ts.read("/f"); got != "data" {
				t.Errorf("stored %q", got)
			}
		})
	}
}

func TestSilentConnectionsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(net.Conn){
		"silent":           func(net.Conn) {},
		"half a handshake": func(conn net.Conn) { io.WriteString(conn, "\x16\x03\x01\x02\x00\x01\x00") },
		"a handshake without a session": func(conn net.Conn) {
			go tls.Client(conn, clientTLS(tls.VersionTLS13)).Handshake()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := serve(t, ftp.ListenerOptions{}, func(s *ftp.Options) { s.Advertise = loopback })
			ts.set(func(s *ftp.Settings) { s.PeerCheck = ftp.PeerTLSSession })
			ts.write("/f", "data")
			c := ts.protected(clientTLS(tls.VersionTLS13))
			addr := c.epsv()
			for range 40 {
				conn, err := dialFrom("127.0.0.9", addr)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				do(conn)
			}
			conn := c.data(addr)
			c.command("RETR f", "150 ...")
			began := time.Now()
			if got := c.readAll(c.protect(conn)); string(got) != "data" {
				t.Errorf("got %q", got)
			}
			c.expect("226 ...")
			if took := time.Since(began); took > 20*time.Second { // less than DataTimeout
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestALPNTellsOtherProtocolsFromFTP(t *testing.T) {
	t.Parallel()
	ts := serve(t, ftp.ListenerOptions{Implicit: true}, nil)
	for _, c := range []struct {
		offered []string
		chosen  string
		refused bool
	}{
		{nil, "", false},
		{[]string{"ftp"}, "ftp", false},
		{[]string{"x-filezilla-ftp", "ftp"}, "ftp", false},
		{[]string{"x-filezilla-ftp"}, "", false},
		{[]string{"ftp-data"}, "ftp-data", false},
		{[]string{"h2", "http/1.1"}, "", true},
		{[]string{"http/1.1"}, "", true},
		{[]string{"h2", "ftp"}, "ftp", false},
	} {
		conf := clientTLS(0)
		conf.NextProtos = c.offered
		conn, err := tls.Dial("tcp", ts.addr, conf)
		if refused := err != nil; refused != c.refused {
			t.Errorf("%q: %v", c.offered, err)
		}
		if err != nil {
			continue
		}
		if chosen := conn.ConnectionState().NegotiatedProtocol; chosen != c.chosen {
			t.Errorf("%q: %q was chosen", c.offered, chosen)
		}
		conn.Close()
	}
}
