package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// hotTests change one hot field of a running server, and see it in force, on all
// listeners that it is for.
var hotTests = map[string]func(t *testing.T){
	"protocols.ftp.tls": func(t *testing.T) {
		i := start(t)
		plain := i.user("alice")
		i.config.Protocols.FTP.TLS = config.TLSRequired
		i.reloadFiles()
		plain.reply("421")
		i.control().command("USER alice", "530")
		if l := i.loaded().Listeners[0]; l.TLS != config.TLSRequired {
			t.Errorf("in force is said to be %+v", l)
		}
		i.config.Protocols.FTP.TLS = config.TLSDisabled
		i.reloadFiles()
		i.control().command("AUTH TLS", "502")
		i.config.Protocols.FTP.TLS = config.TLSOptional
		i.reloadFiles()
		i.user("alice")
		i.control().command("AUTH TLS", "234")
	},
	"passive.advertisedPorts": func(t *testing.T) {
		i := start(t, func(i *instance) { i.config.Passive.Ports = freeRange(t, 2) }, ownPorts)
		c := i.user("alice")
		first := i.config.Passive.Ports.First
		i.config.Passive.AdvertisedPorts = map[int]int{first: 31000, first + 1: 31001}
		i.reloadFiles()
		if line := c.command("EPSV", "229"); !strings.Contains(line, "|||3100") {
			t.Errorf("got %q", line)
		}
	},
	"passive.advertise[].clients": func(t *testing.T) {
		i := start(t, func(i *instance) {
			i.config.Passive.Advertise = []config.AdvertiseRule{{Clients: prefixes("192.0.2.0/24"), Addresses: []string{"198.51.100.1"}}}
		})
		c := i.user("alice")
		c.command("PASV", "227 Entering Passive Mode (127,")
		i.config.Passive.Advertise[0].Clients = prefixes("127.0.0.0/8")
		i.reloadFiles()
		c.command("PASV", "227 Entering Passive Mode (198,51,100,1,")
	},
	"passive.advertise[].addresses": func(t *testing.T) {
		i := start(t)
		c := i.user("alice")
		i.config.Passive.Advertise = []config.AdvertiseRule{{Addresses: []string{"198.51.100.2"}}}
		i.reloadFiles()
		c.command("PASV", "227 Entering Passive Mode (198,51,100,2,")
	},
	"passive.peerCheck": func(t *testing.T) {
		i := start(t)
		c := i.user("alice")
		i.homeFile("f", "data")
		i.config.Passive.PeerCheck = config.PeerAny
		i.reloadFiles()
		line := c.command("EPSV", "229")
		conn := i.dialFrom("127.0.0.2", net.JoinHostPort("127.0.0.1", strings.Split(line, "|")[3]))
		c.command("RETR f", "150")
		if b, err := io.ReadAll(conn.Conn); string(b) != "data" {
			t.Errorf("a data connection from elsewhere gets %q, %v", b, err)
		}
		c.reply("226")
		i.config.Passive.PeerCheck = config.PeerAddress
		i.reloadFiles()
		line = c.command("EPSV", "229")
		i.dialFrom("127.0.0.2", net.JoinHostPort("127.0.0.1", strings.Split(line, "|")[3]))
		near := i.dialFrom("127.0.0.1", net.JoinHostPort("127.0.0.1", strings.Split(line, "|")[3]))
		c.command("RETR f", "150")
		if b, err := io.ReadAll(near.Conn); string(b) != "data" {
			t.Errorf("the client's own data connection gets %q, %v", b, err)
		}
		c.reply("226")
	},
	"passive.advertiseAfter": func(t *testing.T) {
		i := start(t, func(i *instance) { i.config.Passive.AdvertiseAfter = config.Duration(time.Hour) })
		c := i.user("alice")
		i.config.Passive.AdvertiseAfter = 0
		i.reloadFiles()
		c.command("EPSV", "229") // which would have waited for an hour
	},
	"tls.certFile": func(t *testing.T) { otherCertificate(t) },
	"tls.keyFile":  func(t *testing.T) { otherCertificate(t) },
	"tls.clientCAFile": func(t *testing.T) {
		i := start(t)
		asked := func() (asked bool) {
			conf := &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				asked = true
				return &tls.Certificate{}, nil
			}}
			conn, err := tls.Dial("tcp", i.addrs["990"], conf)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			return asked
		}
		if asked() {
			t.Error("a certificate is asked for")
		}
		i.config.TLS.ClientCAFile = i.config.TLS.CertFile
		i.reloadFiles()
		if !asked() {
			t.Error("no certificate is asked for")
		}
	},
	"tls.minVersion": func(t *testing.T) {
		i := start(t)
		dial := func(version uint16) (*tls.Conn, error) {
			return tls.Dial("tcp", i.addrs["990"], &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
		}
		old, err := dial(tls.VersionTLS12)
		if err != nil {
			t.Fatal(err)
		}
		defer old.Close()
		c := &control{i, old, newReader(old)}
		c.reply("220")
		c.command("USER alice", "331")
		c.command("PASS right", "230")
		i.config.TLS.MinVersion = "1.3"
		i.reloadFiles()
		c.reply("421")
		if conn, err := dial(tls.VersionTLS12); err == nil {
			conn.Close()
			t.Error("a new session has TLS 1.2")
		}
		conn, err := dial(tls.VersionTLS13)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	},
	"ssh.hostKeyFiles": func(t *testing.T) {
		i := start(t)
		before := i.loaded().HostKeys
		i.config.SSH.HostKeyFiles = []string{filepath.Join(i.dir, "rotated")}
		writeHostKey(t, i.config.SSH.HostKeyFiles[0])
		i.reloadFiles()
		var shown string
		i.dialWith(func(c *ssh.ClientConfig) {
			c.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error {
				shown = ssh.FingerprintSHA256(key)
				return nil
			}
		})
		if now := i.loaded().HostKeys; len(now) != 1 || now[0] != shown || now[0] == before[0] {
			t.Errorf("shown is %s, said to be in force are %q", shown, now)
		}
	},
	"ssh.banner": func(t *testing.T) {
		i := start(t)
		i.config.SSH.Banner = "Hello"
		i.reloadFiles()
		var shown string
		i.dialWith(func(c *ssh.ClientConfig) {
			c.BannerCallback = func(m string) error { shown = m; return nil }
		})
		if !strings.HasPrefix(shown, "Hello") {
			t.Errorf("the banner is %q", shown)
		}
	},
	"ssh.trustedUserCAKeys": func(t *testing.T) {
		i := start(t, withKey)
		key := signer(t, filepath.Join(i.dir, "alice"))
		i.users.Users[0].AuthorizedKeys = nil
		cert := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"alice"}, ValidBefore: ssh.CertTimeInfinity}
		if err := cert.SignCert(randReader{}, key); err != nil {
			t.Fatal(err)
		}
		certified, err := ssh.NewCertSigner(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		i.config.SSH.TrustedUserCAKeys = []string{string(ssh.MarshalAuthorizedKey(key.PublicKey()))}
		i.reloadFiles()
		c, err := i.dial("alice", ssh.PublicKeys(certified))
		if err != nil {
			t.Fatalf("a certificate of an authority that is trusted now: %v", err)
		}
		i.config.SSH.TrustedUserCAKeys = nil
		i.reloadFiles()
		c.Wait() // its authority is none any more
		if c, err := i.dial("alice", ssh.PublicKeys(certified)); err == nil {
			c.Close()
			t.Error("the authority is trusted still")
		}
	},
	"ssh.algorithms.keyExchanges": algorithm(func(a *config.SSHAlgorithms) { a.KeyExchanges = []string{"ecdh-sha2-nistp384"} },
		func(a ssh.NegotiatedAlgorithms) string { return a.KeyExchange }, "ecdh-sha2-nistp384"),
	"ssh.algorithms.ciphers": algorithm(func(a *config.SSHAlgorithms) { a.Ciphers = []string{"aes192-ctr"} },
		func(a ssh.NegotiatedAlgorithms) string { return a.Read.Cipher }, "aes192-ctr"),
	"ssh.algorithms.macs": algorithm(func(a *config.SSHAlgorithms) {
		a.Ciphers, a.MACs = []string{"aes128-ctr"}, []string{"hmac-sha2-512"}
	}, func(a ssh.NegotiatedAlgorithms) string { return a.Read.MAC }, "hmac-sha2-512"),
	"ssh.algorithms.hostKeys": func(t *testing.T) {
		i := start(t)
		i.config.SSH.Algorithms.HostKeys = []string{"rsa-sha2-512"} // of which there is no key
		i.reloadFiles()
		if i.bySFTP() == nil {
			t.Error("the host key is of another kind, and in use")
		}
		if l := i.loaded().Listeners[2]; !strings.Contains(l.Error, "ssh.algorithms.hostKeys") {
			t.Errorf("in force is said to be %+v", l)
		}
		i.config.SSH.Algorithms.HostKeys = []string{"ssh-ed25519"}
		i.reloadFiles()
		if err := i.bySFTP(); err != nil {
			t.Error(err)
		}
	},
	"ssh.algorithms.publicKeys": func(t *testing.T) {
		i := start(t, withKey)
		key := ssh.PublicKeys(signer(t, filepath.Join(i.dir, "alice")))
		i.config.SSH.Algorithms.PublicKeys = []string{"rsa-sha2-512"}
		i.reloadFiles()
		if c, err := i.dial("alice", key); err == nil {
			c.Close()
			t.Error("a key of another kind is taken")
		}
	},
	"storage.atomicUploads": func(t *testing.T) {
		i := start(t)
		c := i.user("alice")
		s, _ := i.sftpSession()
		for n, atomic := range []bool{true, false} {
			i.config.Storage.AtomicUploads = atomic
			i.reloadFiles()
			name := strconv.Itoa(n)
			data := c.begin("STOR ftp"+name, "half")
			f, err := s.Create("sftp" + name)
			if err == nil {
				_, err = f.Write([]byte("half"))
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, protocol := range []string{"ftp", "sftp"} {
				i.eventually(protocol, func() error {
					_, err := os.Stat(filepath.Join(i.config.Storage.Root, "alice", protocol+name))
					if (err == nil) == atomic {
						return fmt.Errorf("atomic is %t, and half an upload is seen: %t", atomic, err == nil)
					}
					return nil
				})
			}
			f.Close()
			data.Close()
			c.reply("226")
		}
	},
	"storage.keepIncomplete": func(t *testing.T) {
		i := start(t, func(i *instance) { i.config.Storage.AtomicUploads = true })
		hidden := func() (n int) {
			entries, err := os.ReadDir(filepath.Join(i.config.Storage.Root, "alice"))
			if err != nil {
				t.Fatal(err)
			}
			return len(entries)
		}
		c := i.user("alice")
		c.cut("STOR f", "half")
		i.eventually("what was cut is kept", func() error {
			if hidden() == 0 {
				return errors.New("it is gone")
			}
			return nil
		})
		i.config.Storage.KeepIncomplete = 1
		i.reloadFiles()
		i.eventually("it is removed when the folder is listed", func() error {
			i.user("alice").listAll()
			if n := hidden(); n > 0 {
				return fmt.Errorf("there are %d", n)
			}
			return nil
		})
	},
	"storage.umask":      modes,
	"storage.fileMode":   modes,
	"storage.folderMode": modes,
	"usersFile": func(t *testing.T) {
		i := start(t)
		others := config.Users{Version: config.Version, Users: []config.User{user(t, "bob")}}
		b, err := others.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		i.replace("others.json", b)
		i.config.UsersFile = filepath.Join(i.dir, "others.json")
		i.write()
		i.eventually("another file counts", func() error {
			if l := i.loaded(); l.Users != config.Hash(b) {
				return fmt.Errorf("got %+v", l)
			}
			return nil
		})
		i.user("bob")
		if i.bySFTP() == nil || i.byFTP() == nil || i.byFTPS() == nil {
			t.Error("alice, who was in the old file, logs in")
		}
	},
	"sessions.max":           sessions(func(s *config.Sessions) { s.Max = 1 }),
	"sessions.maxPerUser":    sessions(func(s *config.Sessions) { s.MaxPerUser = 1 }),
	"sessions.maxPerAddress": sessions(func(s *config.Sessions) { s.MaxPerAddress = 1 }),
	"sessions.idleTimeout": func(t *testing.T) {
		i := start(t)
		i.config.Sessions.IdleTimeout = config.Duration(50 * time.Millisecond)
		i.reloadFiles()
		i.user("alice").reply("421")
		c, err := i.dial("alice", ssh.Password("right"))
		if err != nil {
			t.Fatal(err)
		}
		c.Wait()
	},
	"sessions.loginGrace": func(t *testing.T) {
		i := start(t)
		i.config.Sessions.LoginGrace = config.Duration(50 * time.Millisecond)
		i.reloadFiles()
		for _, port := range []string{"21", "22", "990"} {
			conn, err := net.Dial("tcp", i.addrs[port])
			if err != nil {
				t.Fatal(err)
			}
			conn.SetReadDeadline(time.Now().Add(deadline))
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("port %s waits for a login", port)
			}
			conn.Close()
		}
	},
	"sessions.stallTimeout": func(t *testing.T) {
		i := start(t)
		i.config.Sessions.StallTimeout = config.Duration(100 * time.Millisecond)
		i.reloadFiles()
		c := i.user("alice")
		c.begin("STOR f", "half")
		c.reply("426")
	},
	"sessions.countKeepAlives": func(t *testing.T) {
		i := start(t, func(i *instance) { i.config.Sessions.IdleTimeout = config.Duration(time.Second) })
		i.config.Sessions.CountKeepAlives = true
		i.reloadFiles()
		c, err := i.dial("alice", ssh.Password("right"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for began := time.Now(); time.Since(began) < 2*time.Second; {
			if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != nil {
				t.Fatalf("after %v: %v", time.Since(began), err)
			}
		}
	},
	"sessions.maxBeforeLogin": func(t *testing.T) {
		i := start(t)
		first := i.control()
		i.config.Sessions.MaxBeforeLogin = 1
		i.reloadFiles()
		i.control()
		if line, err := first.next(); err == nil {
			t.Errorf("the oldest makes no room: %q", line)
		}
	},
	"sessions.bandwidth.upload": func(t *testing.T) {
		i := start(t)
		i.config.Sessions.Bandwidth.Upload = 1 << 20
		i.reloadFiles()
		slow(t, func() { i.user("alice").put("STOR f", strings.Repeat("x", 2<<20)) })
	},
	"sessions.bandwidth.download": func(t *testing.T) {
		i := start(t)
		i.homeFile("f", strings.Repeat("x", 2<<20))
		i.config.Sessions.Bandwidth.Download = 1 << 20
		i.reloadFiles()
		slow(t, func() {
			c := i.user("alice")
			data := c.data()
			c.command("RETR f", "150")
			io.Copy(io.Discard, data)
			c.reply("226")
		})
	},
	"sessions.ban.failures": func(t *testing.T) {
		i := start(t)
		i.config.Sessions.Ban = config.Ban{Failures: 1}
		i.reloadFiles()
		i.fail()
		if i.byFTP() == nil || i.bySFTP() == nil || i.byFTPS() == nil {
			t.Error("nobody is banned")
		}
	},
	"sessions.ban.window": func(t *testing.T) {
		i := start(t, func(i *instance) { i.config.Sessions.Ban = config.Ban{Failures: 2} })
		i.config.Sessions.Ban.Window = 1
		i.reloadFiles()
		i.fail()
		i.fail()
		i.user("alice")
	},
	"sessions.ban.duration": func(t *testing.T) {
		i := start(t, func(i *instance) { i.config.Sessions.Ban = config.Ban{Failures: 1} })
		i.config.Sessions.Ban.Duration = config.Duration(time.Millisecond)
		i.reloadFiles()
		i.fail()
		i.eventually("the ban ends", i.byFTP)
	},
	"sessions.ban.exempt": func(t *testing.T) {
		i := start(t, func(i *instance) { i.config.Sessions.Ban = config.Ban{Failures: 1} })
		i.fail()
		i.config.Sessions.Ban.Exempt = prefixes("127.0.0.0/8")
		i.reloadFiles()
		i.fail()
		i.user("alice")
	},
	"activeMode": func(t *testing.T) {
		i := start(t)
		c := i.user("alice")
		c.command("PORT 127,0,0,1,200,0", "200")
		i.config.ActiveMode = config.ActiveRefused
		i.reloadFiles()
		c.command("PORT 127,0,0,1,200,0", "504")
	},
	"ascii": func(t *testing.T) {
		i := start(t)
		c := i.user("alice") // in TYPE A, as every session begins
		i.config.ASCII = config.ASCIIKeep
		i.reloadFiles()
		c.put("STOR f", "a\r\n")
		if got := i.content("f"); got != "a\r\n" {
			t.Errorf("stored is %q", got)
		}
	},
	"proxyProtocolFrom": func(t *testing.T) {
		i := start(t)
		i.config.ProxyProtocolFrom = prefixes("127.0.0.0/8")
		i.reloadFiles()
		conn, err := net.Dial("tcp", i.addrs["21"])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		header := "PROXY TCP4 198.51.100.7 127.0.0.1 4000 21\r\n"
		io.WriteString(conn, header)
		c := &control{i, conn, newReader(conn)}
		c.reply("220")
		c.command("USER alice", "331")
		c.command("PASS right", "230")
		i.homeFile("f", "data")
		line := c.command("EPSV", "229")
		data, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strings.Split(line, "|")[3]))
		if err != nil {
			t.Fatal(err)
		}
		defer data.Close()
		io.WriteString(data, header) // data connections have one too
		c.command("RETR f", "150")
		if b, err := io.ReadAll(data); string(b) != "data" {
			t.Errorf("got %q, %v", b, err)
		}
		c.reply("226")
	},
}

func TestEveryHotFieldIsInForceOnARunningServer(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, field := range config.Fields() {
		known[field.Path] = true
		test := hotTests[field.Path]
		switch {
		case field.Hot && test == nil:
			t.Errorf("%s is said to be hot, and no test has seen a change of it in force", field.Path)
		case !field.Hot && test != nil:
			t.Errorf("%s is said to be cold, and a test has seen a change of it in force", field.Path)
		case test != nil:
			t.Run(field.Path, func(t *testing.T) {
				t.Parallel()
				test(t)
			})
		}
	}
	for path := range hotTests {
		if !known[path] {
			t.Errorf("there is no field %s", path)
		}
	}
}
