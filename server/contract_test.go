package server

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jftp "github.com/jlaffaye/ftp"
	psftp "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func signer(t *testing.T, file string) ssh.Signer {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ssh.ParsePrivateKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (i *instance) dial(user string, auth ssh.AuthMethod) (*ssh.Client, error) {
	return ssh.Dial("tcp", i.addrs["22"], &ssh.ClientConfig{User: user, Auth: []ssh.AuthMethod{auth}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
}

func TestASessionTooManyIsNoFailedLogin(t *testing.T) {
	t.Parallel()
	i := start(t, withKey, func(i *instance) {
		i.config.Sessions.Ban = config.Ban{Failures: 2}
		i.config.Sessions.MaxPerUser = 1
	})
	key := ssh.PublicKeys(signer(t, filepath.Join(i.dir, "alice")))
	c, err := i.dial("alice", key)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if extra, err := i.dial("alice", key); err == nil {
			extra.Close()
			t.Fatal("there is no limit")
		}
	}
	c.Close()
	i.eventually("slot is free", func() error {
		c, err := i.dial("alice", key)
		if err == nil {
			c.Close()
		}
		return err
	})
}

func TestConnectionsWithWrongKeysLeadToABan(t *testing.T) {
	t.Parallel()
	i := start(t, withKey, func(i *instance) { i.config.Sessions.Ban = config.Ban{Failures: 2} })
	writeHostKey(t, filepath.Join(i.dir, "mallory"))
	for range 4 {
		if c, err := i.dial("alice", ssh.PublicKeys(signer(t, filepath.Join(i.dir, "mallory")))); err == nil {
			c.Close()
			t.Fatal("a wrong key is right")
		}
	}
	if _, err := i.dial("alice", ssh.PublicKeys(signer(t, filepath.Join(i.dir, "alice")))); err == nil {
		t.Error("four connections with wrong keys do not count towards a ban")
	}
}

func TestAnUploadOverSFTPIsHiddenUntilItIsComplete(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) { i.config.Storage.AtomicUploads = true })
	c, err := i.dial("alice", ssh.Password("right"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := psftp.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Create("file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(i.config.Storage.Root, "alice", "file")); err == nil {
		t.Error("with atomicUploads, an SFTP upload is visible before it is complete")
	}
}

func TestADropBoxTakesUploadsOfBothKinds(t *testing.T) {
	t.Parallel()
	for _, atomic := range []bool{false, true} {
		i := start(t, func(i *instance) {
			i.config.Storage.AtomicUploads = atomic
			i.users.Users[0].Access = config.AccessWriteOnly
		})
		c, err := jftp.Dial(i.addrs["21"])
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Login("alice", "right"); err != nil {
			t.Fatal(err)
		}
		if err := c.Stor("file", strings.NewReader("x")); err != nil {
			t.Errorf("atomic %v: a drop box takes no upload: %v", atomic, err)
		}
	}
}

func TestAChangeOfPermissionsReachesSessions(t *testing.T) {
	t.Parallel()
	i := start(t)
	c, err := i.dial("alice", ssh.Password("right"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := psftp.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	before := i.loaded().Users["users.json"]
	i.users.Users[0].Access = config.AccessReadOnly
	i.write()
	i.eventually("loaded", func() error {
		if i.loaded().Users["users.json"] == before {
			return os.ErrNotExist
		}
		return nil
	})
	if f, err := s.Create("file"); err == nil {
		f.Close()
		t.Error("a session goes on writing after its user was made read-only")
	}
}

func TestSessionsOfAllProtocolsCountTogether(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) { i.config.Sessions.Max = 1 })
	c, err := i.dial("alice", ssh.Password("right"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if f, err := jftp.Dial(i.addrs["21"]); err == nil {
		if err := f.Login("alice", "right"); err == nil {
			t.Error("sessions.max is 1 in this pod, and there are two (SFTP and FTP)")
		}
	}
}

// TestAProbeIsNeitherLoggedNorCountedNorBanned connects to both FTP ports as the
// health checks of balancers do, that leave without a word.
func TestAProbeIsNeitherLoggedNorCountedNorBanned(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) { i.config.Sessions.Ban = config.Ban{Failures: 1} })
	for _, port := range []string{"21", "990"} {
		for range 3 {
			conn, err := net.Dial("tcp", i.addrs[port])
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
		}
	}
	i.eventually("six probes have ended", func() error {
		if n := strings.Count(i.logs.String(), `"msg":"probe"`); n != 6 {
			return fmt.Errorf("%d have", n)
		}
		return nil
	})
	for line := range strings.Lines(i.logs.String() + i.trail.String()) {
		if strings.Contains(line, `"audit"`) || strings.Contains(line, "remote") && !strings.Contains(line, `"level":"DEBUG"`) {
			t.Errorf("logged: %s", line)
		}
	}
	metrics, err := i.get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(metrics) {
		if (strings.Contains(line, "sessions_total") || strings.Contains(line, "logins_total")) && !strings.HasPrefix(line, "#") && !strings.HasSuffix(line, " 0\n") {
			t.Errorf("counted: %s", line)
		}
	}
	i.login()
}
