package server

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// reloadFiles writes the files and waits until they are in force.
func (i *instance) reloadFiles() {
	i.t.Helper()
	i.write()
	hash := func(name string) string {
		b, err := os.ReadFile(filepath.Join(i.dir, name))
		if err != nil {
			i.t.Fatal(err)
		}
		return config.Hash(b)
	}
	i.eventually("the new files are in force", func() error {
		if l := i.loaded(); l.Config != hash("config.json") || l.Users["users.json"] != hash("users.json") || l.Error != "" {
			return fmt.Errorf("got %+v", l)
		}
		return nil
	})
}

func TestWhetherTextIsConvertedIsReloaded(t *testing.T) {
	t.Parallel()
	i := start(t)
	c := i.user("alice") // in TYPE A, as every session begins
	store := func() string {
		data := c.data()
		c.command("STOR f", "150")
		if _, err := io.WriteString(data, "a\r\nb\r\n"); err != nil {
			t.Fatal(err)
		}
		data.Close()
		c.reply("226")
		b, err := os.ReadFile(filepath.Join(i.config.Storage.Root, "alice", "f"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got := store(); got != "a\nb\n" {
		t.Errorf("by default %q is stored", got)
	}
	i.config.ASCII = config.ASCIIKeep
	i.reloadFiles()
	if got := store(); got != "a\r\nb\r\n" {
		t.Errorf("with Keep, %q is stored", got)
	}
}

func TestActiveModeIsRefusedWhereAddressesAreHidden(t *testing.T) {
	t.Parallel()
	i := start(t)
	c := i.user("alice")
	c.command("PORT 127,0,0,1,200,0", "200")
	i.config.ActiveMode = config.ActiveRefused
	i.reloadFiles()
	c.command("PORT 127,0,0,1,200,0", "504")
	c.command("EPRT |1|127.0.0.1|51200|", "504")
	c.send("STAT")
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "127.0.0.1") {
			t.Errorf("STAT tells the address: %s", line)
		}
		if strings.HasPrefix(line, "211 ") {
			break
		}
	}
	i.config.ActiveMode = config.ActiveAllowed
	i.reloadFiles()
	c.command("PORT 127,0,0,1,200,0", "200")
}

func TestTheOldestTLSVersionIsReloaded(t *testing.T) {
	t.Parallel()
	i := start(t)
	old := &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
	}
	handshake := func(conf *tls.Config) error {
		conn, err := tls.Dial("tcp", i.addrs["990"], conf)
		if err == nil {
			conn.Close()
		}
		return err
	}
	for version, want := range map[string][2]bool{"": {false, true}, "1.0": {true, true}, "1.1": {false, true}, "1.3": {false, false}} {
		i.config.TLS.MinVersion = version
		i.reloadFiles()
		if err := handshake(old); (err == nil) != want[0] {
			t.Errorf("minVersion %q, a client of TLS 1.0: %v", version, err)
		}
		if err := handshake(&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); (err == nil) != want[1] {
			t.Errorf("minVersion %q, a client of TLS 1.2: %v", version, err)
		}
	}
}

func TestBalancersThatAreTrustedAreReloaded(t *testing.T) {
	t.Parallel()
	i := start(t)
	i.config.ProxyProtocolFrom = prefixes("127.0.0.0/8")
	i.reloadFiles()
	conn, err := net.Dial("tcp", i.addrs["21"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PROXY TCP4 198.51.100.7 127.0.0.1 4000 21\r\nUSER nobody\r\nPASS x\r\n"); err != nil {
		t.Fatal(err)
	}
	i.eventually("the client's address is believed", func() error {
		for _, l := range i.told(audit.Login, audit.Refused) {
			if l.Address == "198.51.100.7" && l.Port == 4000 {
				return nil
			}
		}
		return fmt.Errorf("in\n%s", i.logs)
	})
}

func TestNetworksThatAreNeverBannedAreReloaded(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) { i.config.Sessions.Ban = config.Ban{Failures: 1} })
	fail := func() {
		c := i.control()
		c.command("USER alice", "331")
		c.command("PASS wrong", "530")
	}
	fail()
	c := i.control()
	c.command("USER alice", "331")
	c.command("PASS right", "530")
	i.config.Sessions.Ban.Exempt = prefixes("127.0.0.0/8")
	i.reloadFiles()
	fail()
	i.user("alice")
}

func TestModesOfNewFilesAreReloadedForSessionsThatRun(t *testing.T) {
	t.Parallel()
	i := start(t)
	c := i.user("alice")
	s, _ := i.sftpSession()
	for n, tc := range []struct {
		umask, file, folder config.Mode
		want                string
	}{
		{"0022", "", "", "-rw-r--r-- drwxr-xr-x"},
		{"0077", "", "", "-rw------- drwx------"},
		{"", "0640", "0750", "-rw-r----- drwxr-x---"},
	} {
		i.config.Storage.Umask, i.config.Storage.FileMode, i.config.Storage.FolderMode = tc.umask, tc.file, tc.folder
		i.reloadFiles()
		data := c.data()
		c.command(fmt.Sprint("STOR ftp", n), "150")
		data.Close()
		c.reply("226")
		c.command(fmt.Sprint("MKD ftpdir", n), "257")
		f, err := s.Create(fmt.Sprint("sftp", n))
		if err == nil {
			err = f.Close()
		}
		if err == nil {
			err = s.Mkdir(fmt.Sprint("sftpdir", n))
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, protocol := range []string{"ftp", "sftp"} {
			var got []string
			for _, name := range []string{protocol, protocol + "dir"} {
				info, err := os.Stat(filepath.Join(i.config.Storage.Root, "alice", fmt.Sprint(name, n)))
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, info.Mode().String())
			}
			if got := strings.Join(got, " "); got != tc.want {
				t.Errorf("umask %q, file %q, folder %q: %s makes %s, want %s", tc.umask, tc.file, tc.folder, protocol, got, tc.want)
			}
		}
	}
}

func TestABadEntryOfSSHCostsThatEntryAlone(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) {
		i.config.SSH.TrustedUserCAKeys = []string{"nonsense"}
		i.config.SSH.Algorithms = config.SSHAlgorithms{Ciphers: []string{"aes128-gmc@openssh.com", "aes256-ctr"}, MACs: []string{"none"}}
	})
	c, err := i.dial("alice", ssh.Password("right"))
	if err != nil {
		t.Fatalf("SFTP is away: %v", err)
	}
	defer c.Close()
	if a := c.Conn.(ssh.AlgorithmsConnMetadata).Algorithms(); a.Read.Cipher != "aes256-ctr" {
		t.Errorf("the cipher is %s", a.Read.Cipher)
	}
	if n := len(i.lines("something in the configuration is unusable, and left out")); n != 3 {
		t.Errorf("%d entries are named in\n%s", n, i.logs)
	}
	i.config.Sessions.MaxPerUser = 5
	i.reloadFiles()
}

func prefixes(networks ...string) (out []netip.Prefix) {
	for _, n := range networks {
		out = append(out, netip.MustParsePrefix(n))
	}
	return out
}
