package ftp_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// tlsVersions runs a test once per version of TLS.
func tlsVersions(t *testing.T, f func(t *testing.T, version uint16)) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			f(t, version)
		})
	}
}

func TestExplicitTLS(t *testing.T) {
	t.Parallel()
	tlsVersions(t, func(t *testing.T, version uint16) {
		ts := serve(t, ftp.ListenerOptions{}, nil)
		config := clientTLS(version)
		c := ts.connect().startTLS(config).login().protectData(config)
		data := bytes.Repeat([]byte("0123456789"), 100_000)
		c.put("STOR f", data)
		if got := c.get("RETR f"); !bytes.Equal(got, data) {
			t.Errorf("got %d bytes", len(got))
		}
	})
}

func TestImplicitTLSProtectsDataWithoutPROT(t *testing.T) {
	t.Parallel()
	tlsVersions(t, func(t *testing.T, version uint16) {
		ts := serve(t, ftp.ListenerOptions{Implicit: true}, nil)
		ts.write("/f", "data")
		config := clientTLS(version)
		c := ts.dial("").handshake(config)
		c.expect("220 ...")
		c.login()
		c.tls = config
		if got := string(c.get("RETR f")); got != "data" {
			t.Errorf("got %q", got)
		}
		c.talk(`
			> PROT C
			< 534 ...
			> AUTH TLS
			< 503 ...
			> PBSZ 0
			< 200 ...
			> PROT P
			< 200 ...`)
	})
}

func TestWhereTLSIsRequiredNothingGoesWithoutIt(t *testing.T) {
	t.Parallel()
	ts := serve(t, ftp.ListenerOptions{}, nil)
	ts.write("/f", "data")
	c := ts.connect()
	c.talk(`
		> USER alice
		< 530 TLS is required...
		> PASS secret
		< 530 TLS is required...`)
	config := clientTLS(0)
	c.startTLS(config).login()
	c.epsv()
	c.talk(`
		> RETR f
		< 521 ...
		> LIST
		< 521 ...
		> PBSZ 0
		< 200 ...
		> PROT C
		< 534 ...
		> PROT S
		< 536 ...
		> PROT E
		< 536 ...
		> PROT X
		< 504 ...
		> CCC
		< 534 ...
		> PROT P
		< 200 ...`)
	c.tls = config
	c.get("RETR f")
}

func TestTheOlderNamesOfAUTHAreKnownAndTwoOfThemProtectData(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/f", "data")
	for mechanism, protects := range map[string]bool{"tls": false, "TLS-C": false, "SSL": true, "TLS-P": true} {
		config := clientTLS(0)
		c := ts.connect()
		c.command("AUTH "+mechanism, "234 ...")
		c.handshake(config).login()
		if protects {
			c.tls = config
		}
		if got := string(c.get("RETR f")); got != "data" {
			t.Errorf("AUTH %s: got %q", mechanism, got)
		}
	}
}

func TestWhereTLSIsOptionalDataMayGoWithoutItButControlStaysProtected(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/f", "data")
	config := clientTLS(0)
	c := ts.connect().startTLS(config).login().protectData(config)
	c.get("RETR f")
	c.talk(`
		> PROT C
		< 200 ...
		> CCC
		< 534 ...`)
	c.tls = nil
	if got := string(c.get("RETR f")); got != "data" {
		t.Errorf("got %q", got)
	}
}

func TestAUTHForgetsALoginInPlaintext(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	c.startTLS(clientTLS(0))
	c.command("PWD", "530 ...")
	c.command("PROT P", "503 ...")
	c.login()
}

func TestTLSIsNotOfferedWhereItIsDisabled(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, func(s *ftp.Options) { s.TLS = ftp.TLSDisabled }).connect()
	c.command("AUTH TLS", "502 ...")
	c.command("FEAT", "211-Features:")
	for line := c.line(); !strings.HasPrefix(line, "211 "); line = c.line() {
		if strings.Contains(line, "AUTH") || strings.Contains(line, "PROT") {
			t.Errorf("FEAT offers %q", line)
		}
	}
}

func TestPlaintextBufferedBehindAUTHIsDiscarded(t *testing.T) {
	t.Parallel()
	ts := serve(t, ftp.ListenerOptions{}, nil)
	c := ts.connect()
	// What somebody on the way has put in must not run under the protection.
	c.sendRaw("AUTH TLS\r\nUSER alice\r\nPASS secret\r\nDELE f\r\n")
	c.expect("234 ...")
	config := clientTLS(0)
	c.handshake(config)
	c.command("NOOP", "200 ...") // and not 331
}

func TestEveryDataConnectionResumesTheSession(t *testing.T) {
	t.Parallel()
	tlsVersions(t, func(t *testing.T, version uint16) {
		ts := serve(t, ftp.ListenerOptions{}, nil)
		ts.write("/f", "data")
		config := clientTLS(version)
		c := ts.connect().startTLS(config).login().protectData(config)
		for i := range 30 {
			if i%2 == 0 {
				c.get("RETR f")
			} else {
				c.put("STOR g", []byte("data"))
			}
			if !c.resumed {
				t.Fatalf("data connection %d did not resume", i)
			}
		}
	})
}

func TestATicketMayBeUsedAgainAndAgain(t *testing.T) {
	t.Parallel()
	tlsVersions(t, func(t *testing.T, version uint16) {
		ts := serve(t, ftp.ListenerOptions{}, nil)
		ts.write("/f", "data")
		control := clientTLS(version)
		c := ts.connect().startTLS(control).login()
		// A cache that never forgets the ticket of the control connection.
		frozen := control.Clone()
		frozen.ClientSessionCache = frozenCache{control.ClientSessionCache}
		c.protectData(frozen)
		for i := range 10 {
			if c.get("RETR f"); !c.resumed {
				t.Fatalf("data connection %d did not resume", i)
			}
		}
	})
}

func TestCloseNotifyIsSentAfterAnUploadToo(t *testing.T) {
	t.Parallel()
	tlsVersions(t, func(t *testing.T, version uint16) {
		ts := serve(t, ftp.ListenerOptions{}, nil)
		config := clientTLS(version)
		c := ts.connect().startTLS(config).login().protectData(config)
		tc, _ := c.start("STOR f")
		io.WriteString(tc, "data")
		tc.(*tls.Conn).CloseWrite()
		if got := c.readAll(tc); len(got) > 0 {
			t.Errorf("got %q", got)
		}
		c.expect("226 ...")
		if got := ts.read("/f"); got != "data" {
			t.Errorf("stored %q", got)
		}
	})
}

type frozenCache struct{ tls.ClientSessionCache }

func (frozenCache) Put(string, *tls.ClientSessionState) {}

func TestWhereAddressesAreHiddenTheTLSSessionTellsWhoseAConnectionIs(t *testing.T) {
	t.Parallel()
	tlsVersions(t, func(t *testing.T, version uint16) {
		ts, pool := servePool(t, ftp.ListenerOptions{}, tenPorts(), nil)
		ts.set(func(s *ftp.Settings) { s.PeerCheck = ftp.PeerTLSSession })
		ts.write("/f", "data")
		config := clientTLS(version)
		c := ts.connect().startTLS(config).login().protectData(config)
		addr := c.epsv()

		// Somebody else comes first: silent, without TLS, with a session of
		// their own, and with the session of another user's connection.
		silent, err := dialFrom("127.0.0.8", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		c.command("RETR f", "150 ...")
		noise, err := dialFrom("127.0.0.8", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer noise.Close()
		io.WriteString(noise, "GET / HTTP/1.0\r\n\r\n")
		other := clientTLS(version)
		stranger := ts.connect().startTLS(other)
		for _, config := range []*tls.Config{clientTLS(version), other} {
			thief, err := dialFrom("127.0.0.8", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer thief.Close()
			tc := tls.Client(thief, config)
			tc.SetDeadline(time.Now().Add(patience))
			if data, _ := io.ReadAll(tc); len(data) > 0 {
				t.Fatalf("a thief got %q", data)
			}
		}
		stranger.command("NOOP", "200 ...")

		// The client itself comes from an address that is not that of its
		// control connection.
		conn, err := dialFrom("127.0.0.7", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		if data, err := io.ReadAll(c.protect(conn)); err != nil || string(data) != "data" {
			t.Fatalf("got %q, %v", data, err)
		}
		c.expect("226 ...")
		if s := pool.Stats(); s.Awaited != 0 || s.Arrived != 1 {
			t.Errorf("%+v", s)
		}
		// And a second control connection may use what the first left.
		second := ts.connect().startTLS(config).login().protectData(config)
		if got := string(second.get("RETR f")); got != "data" {
			t.Errorf("got %q", got)
		}
	})
}

func TestAClientThatDoesNotResumeIsToldSoWhereItHasTo(t *testing.T) {
	t.Parallel()
	ts, _ := servePool(t, ftp.ListenerOptions{}, tenPorts(), nil)
	ts.set(func(s *ftp.Settings) { s.PeerCheck = ftp.PeerTLSSession })
	ts.write("/f", "data")
	c := ts.connect().startTLS(clientTLS(0)).login().protectData(clientTLS(0))
	conn := c.data(c.epsv())
	ts.set(func(s *ftp.Settings) { s.Limits = ftp.Limits{DataTimeout: 2 * time.Second} })
	c.command("RETR f", "150 ...")
	tls.Client(conn, clientTLS(0)).Handshake()
	c.expect("425 No data connection resumed the TLS session of the control connection")
}

func Test150ComesBeforeTheHandshakeOfTheDataConnection(t *testing.T) {
	t.Parallel()
	ts := serve(t, ftp.ListenerOptions{}, nil)
	ts.write("/f", "data")
	config := clientTLS(0)
	c := ts.connect().startTLS(config).login().protectData(config)
	addr := c.epsv()
	c.command("RETR f", "150 ...") // not even a connection yet
	conn := c.data(addr)
	c.command("NOOP", "200 ...")
	if data, _ := io.ReadAll(c.protect(conn)); string(data) != "data" {
		t.Errorf("got %q", data)
	}
	c.expect("226 ...")
}

func TestAnEmptyTransferHasAHandshakeAndACloseNotify(t *testing.T) {
	t.Parallel()
	tlsVersions(t, func(t *testing.T, version uint16) {
		ts := serve(t, ftp.ListenerOptions{}, nil)
		ts.write("/empty", "")
		config := clientTLS(version)
		c := ts.connect().startTLS(config).login().protectData(config)
		c.command("MKD none", "257 ...")
		for _, command := range []string{"RETR empty", "NLST none", "MLSD none", "LIST none"} {
			// get fails where a connection ends without close_notify.
			if got := c.get(command); len(got) > 0 {
				t.Errorf("%s: %q", command, got)
			}
		}
		c.put("STOR nothing", nil)
		if ts.read("/nothing") != "" {
			t.Error("nothing became something")
		}
	})
}

func TestAClientThatLeavesOutCloseNotifyIsTolerated(t *testing.T) {
	t.Parallel()
	tlsVersions(t, func(t *testing.T, version uint16) {
		ts := serve(t, ftp.ListenerOptions{}, nil)
		config := clientTLS(version)
		c := ts.connect().startTLS(config).login().protectData(config)
		tc, conn := c.start("STOR f")
		io.WriteString(tc, "data")
		conn.Close()
		c.expect("226 ...")
		if got := ts.read("/f"); got != "data" {
			t.Errorf("got %q", got)
		}
		c.get("RETR f")
	})
}

func TestADataConnectionWithoutTheHandshakeFailsAlone(t *testing.T) {
	t.Parallel()
	ts := serve(t, ftp.ListenerOptions{}, nil)
	ts.write("/f", "data")
	config := clientTLS(0)
	c := ts.connect().startTLS(config).login().protectData(config)
	conn := c.data(c.epsv())
	c.command("RETR f", "150 ...")
	io.WriteString(conn, "this is not TLS at all\r\n")
	c.expect("522 ...")
	c.get("RETR f")
}

func TestAPlainClientOnTheImplicitPortIsEnded(t *testing.T) {
	t.Parallel()
	ts := serve(t, ftp.ListenerOptions{Implicit: true}, nil)
	c := ts.dial("")
	c.send("USER alice")
	if _, err := io.ReadAll(c.conn); err != nil && isTimeout(err) {
		t.Error("still open")
	}
}
