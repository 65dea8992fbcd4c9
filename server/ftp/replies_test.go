package ftp_test

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// The tests in this file are the lines on replies of the collected facts about
// what real clients need.

func TestATransferBeginsWith150AndNever125(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/f", "data")
	c := ts.login()
	// Also when the data connection is there already, for which RFC 959 has 125.
	conn := c.data(c.epsv())
	c.command("RETR f", "150 ...")
	io.ReadAll(conn)
	c.expect("226 ...")
}

func TestThereIsExactlyOneFinalReplyAnd226OnlyOnSuccess(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.fs.quota.Store(1000)
	c := ts.login()
	conn := c.data(c.epsv())
	c.command("STOR big", "150 ...")
	conn.Write(make([]byte, 2000))
	c.expect("552 ...")
	c.command("NOOP", "200 ...")

	c.put("STOR small", make([]byte, 500))
	c.command("NOOP", "200 ...")
}

func TestAClientThatBreaksItsDataConnectionGets426AndGoesOn(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/f", strings.Repeat("0123456789abcdef", 1<<20)) // more than lies in buffers
	config := clientTLS(0)
	for name, c := range map[string]*client{
		"plain": ts.login(), "TLS": ts.connect().startTLS(config).login().protectData(config),
	} {
		for _, command := range []string{"RETR f", "STOR new"} {
			tc, conn := c.start(command)
			if command == "RETR f" {
				io.ReadFull(tc, make([]byte, 1000))
			} else {
				tc.Write(make([]byte, 1000))
				eventually(t, "something is stored", func() bool {
					return slices.ContainsFunc(ts.Sessions(), func(i ftp.SessionInfo) bool { return i.Transfer != nil && i.Transfer.Bytes > 0 })
				})
			}
			conn.(*net.TCPConn).SetLinger(0) // a reset
			conn.Close()
			if got := c.line(); got != "426 Data connection closed; transfer aborted" {
				t.Errorf("%s, %s: %q", name, command, got)
			}
			c.command("NOOP", "200 ...")
		}
	}
}

func TestPASVRepliesOnOneLineWithParentheses(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, nil).login()
	line := c.command("PASV", "227 Entering Passive Mode (127,0,0,1,...,...)")
	if !strings.HasSuffix(line, ")") {
		t.Errorf("%q does not end in a parenthesis", line)
	}
}

func TestPWDAndMKDQuoteThePathAndDoubleQuotesOnce(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, nil).login()
	c.talk(`
		> MKD a"b
		< 257 "/a""b" created
		> CWD a"b
		< 250 ...
		> PWD
		< 257 "/a""b" is the working directory`)
}

func TestMODESAndSTRUFAndALLOAre200AndUnsupportedValues504(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, nil).login()
	c.talk(`
		> MODE S
		< 200 ...
		> STRU F
		< 200 ...
		> ALLO 4096
		< 200 ...
		> MODE C
		< 504 ...
		> MODE Z
		< 504 ...
		> STRU P
		< 504 ...`)
}

func TestTYPEIsAcceptedInAnyCaseAndWithAFormat(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, nil).login()
	for _, arg := range []string{"a", "A", "A N", "a n", "I", "i", "L 8"} {
		c.command("TYPE "+arg, "200 ...")
	}
}

func TestSTATStaysInsideTLSAndDoesNotMixWithTransferReplies(t *testing.T) {
	t.Parallel()
	ts := serve(t, ftp.ListenerOptions{}, nil)
	config := clientTLS(0)
	c := ts.connect().startTLS(config).login().protectData(config)
	conn := c.data(c.epsv())
	c.command("STOR f", "150 ...")
	tc := c.protect(conn)
	// If any of it left the TLS connection, its records would be broken.
	const times = 20
	for range times {
		c.send("STAT")
	}
	tc.Write([]byte("data"))
	tc.Close()
	stats, finals := 0, 0
	for stats < times || finals < 1 {
		switch line := c.line(); {
		case strings.HasPrefix(line, "211-"):
			for !strings.HasPrefix(line, "211 ") {
				if line = c.line(); line[0] != ' ' && !strings.HasPrefix(line, "211 ") {
					t.Fatalf("%q inside of a STAT reply", line)
				}
			}
			stats++
		case strings.HasPrefix(line, "226 "):
			finals++
		default:
			t.Fatalf("unexpected %q", line)
		}
	}
}

func TestSTATOfADirectoryListsIt(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	ts.write("/a", "data")
	ts.login().talk(`
		> MKD docs
		< 257 ...
		> RNFR a
		< 350 ...
		> RNTO docs/a
		< 250 ...
		> STAT docs
		< 212-...
		<  -rw-...4...a
		< 212 End`)
}

func TestFEATListsWhatClientsLookFor(t *testing.T) {
	t.Parallel()
	c := serve(t, ftp.ListenerOptions{}, nil).connect()
	c.command("FEAT", "211-Features:")
	var features []string
	for line := c.line(); !strings.HasPrefix(line, "211 "); line = c.line() {
		features = append(features, strings.TrimPrefix(line, " "))
	}
	for _, want := range []string{
		"AUTH TLS", "PBSZ", "PROT", "EPSV", "EPRT", "MDTM", "MFMT", "SIZE", "REST STREAM", "UTF8", "TVFS", "HOST",
		"HASH SHA-256*;SHA-512;SHA-1;MD5;CRC32;",
		"MLST type*;size*;modify*;perm*;unique*;UNIX.mode*;UNIX.owner*;UNIX.group*;",
	} {
		if !slices.Contains(features, want) {
			t.Errorf("FEAT lacks %q: %q", want, features)
		}
	}
	if slices.Contains(features, "MODE Z") {
		t.Error("FEAT offers MODE Z though it is off")
	}
}

func TestEveryVerbExistsThatTheFactsList(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, nil).login()
	const verbs = `USER PASS ACCT REIN QUIT CWD CDUP PWD MKD RMD XCWD XCUP XPWD XMKD XRMD
		PORT PASV EPRT EPSV TYPE MODE STRU RETR STOR STOU APPE REST ALLO ABOR RNFR RNTO DELE
		LIST NLST MLSD MLST STAT SYST HELP NOOP FEAT OPTS LANG SIZE MDTM MFMT MFCT MFF
		AUTH PBSZ PROT CCC HOST CLNT CSID HASH XCRC XMD5 XSHA1 XSHA256 XSHA512 COMB AVBL DSIZ SITE`
	for _, verb := range strings.Fields(verbs) {
		if verb == "SITE" {
			c.command("HELP SITE", "214-...")
			for c.line() != "214 HELP" {
			}
			continue
		}
		c.command("HELP "+verb, "214 Syntax: "+verb+"...")
	}
}

func TestUnknownErrorsAreGenericOnTheWireAndLogged(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, func(s *ftp.Options) { s.Backend = brokenBackend{} })
	c := ts.login()
	c.command("CWD /x", "451 Requested action aborted: local error in processing")
	if !strings.Contains(ts.log.String(), "/host/path") {
		t.Error("the error is not in the log")
	}
}
