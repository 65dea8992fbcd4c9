package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// openSSH runs a program of OpenSSH as alice with a key.
func (i *instance) openSSH(program string, stdin string, args ...string) (string, error) {
	i.t.Helper()
	_, port, err := net.SplitHostPort(i.addrs["22"])
	if err != nil {
		i.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(i.t.Context(), deadline)
	defer cancel()
	args = append([]string{
		"-F", "/dev/null", "-P", port, "-i", filepath.Join(i.dir, "alice"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
	}, args...)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// withKey gives alice a key for openSSH.
func withKey(i *instance) {
	i.t.Helper()
	writeHostKey(i.t, filepath.Join(i.dir, "alice"))
	pem, err := os.ReadFile(filepath.Join(i.dir, "alice"))
	if err != nil {
		i.t.Fatal(err)
	}
	key, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		i.t.Fatal(err)
	}
	i.users.Users[0].AuthorizedKeys = []string{string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(key.PublicKey())))}
}

func TestOpenSSHMovesFilesAndFolders(t *testing.T) {
	t.Parallel()
	i := start(t, withKey)
	local := t.TempDir()
	content := make([]byte, 3<<20+17)
	rand.Read(content)
	when := time.Unix(1_000_000_000, 0)
	tree := map[string][]byte{"big": content, "empty": nil, "sub/with space": []byte("x"), "sub/deep/er": []byte("y")}
	for name, b := range tree {
		path := filepath.Join(local, "tree", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	for name, flags := range map[string][]string{"sftp": {"-rpq"}, "scp": {"-rpqO"}} {
		remote := "alice@127.0.0.1:" + name
		back := filepath.Join(t.TempDir(), "back")
		if out, err := i.openSSH("scp", "", append(flags, filepath.Join(local, "tree"), remote)...); err != nil {
			t.Errorf("%s: up: %v: %s", name, err, out)
			continue
		}
		if out, err := i.openSSH("scp", "", append(flags, remote, back)...); err != nil {
			t.Errorf("%s: down: %v: %s", name, err, out)
			continue
		}
		for file, want := range tree {
			path := filepath.Join(back, file)
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %s came back as %d bytes, %v", name, file, len(got), err)
				continue
			}
			if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(when) || info.Mode().Perm() != 0o640 {
				t.Errorf("%s: %s came back with %v, %v", name, file, info.ModTime(), info.Mode())
			}
		}
	}
}

func TestSCPReportsWhatGoesWrongAndGoesOn(t *testing.T) {
	t.Parallel()
	i := start(t, withKey)
	home := filepath.Join(i.config.Storage.Root, "alice")
	if err := os.MkdirAll(filepath.Join(home, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "here"), []byte("here"), 0o600); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"a file that is missing": {[]string{"-O", "alice@127.0.0.1:missing", to}, "No such file"},
		"a folder without -r":    {[]string{"-O", "alice@127.0.0.1:dir", to}, "not a regular file"},
		"a pattern for nothing":  {[]string{"-O", "alice@127.0.0.1:no*", to}, "No such file"},
		"a target that is missing": {[]string{"-O", filepath.Join(i.dir, "alice"), "alice@127.0.0.1:no/where"},
			"No such file"},
	} {
		out, err := i.openSSH("scp", "", tc.args...)
		if err == nil || !strings.Contains(out, tc.want) || strings.Contains(out, i.dir+"/data") {
			t.Errorf("%s: got %v, %q, want %q", name, err, out, tc.want)
		}
	}
	if out, err := i.openSSH("scp", "", "-O", "alice@127.0.0.1:h*re", to); err != nil {
		t.Errorf("a pattern: %v: %s", err, out)
	}
	if b, err := os.ReadFile(filepath.Join(to, "here")); string(b) != "here" {
		t.Errorf("a pattern: got %q, %v", b, err)
	}
}

func TestSFTPSessionsEndWithTheirUser(t *testing.T) {
	t.Parallel()
	i := start(t)
	conn, err := ssh.Dial("tcp", i.addrs["22"], &ssh.ClientConfig{
		User: "alice", Auth: []ssh.AuthMethod{ssh.Password("right")}, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: deadline,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	i.eventually("the session is counted", func() error {
		if l := i.loaded(); l.Sessions != 1 {
			return fmt.Errorf("got %+v", l)
		}
		return nil
	})
	i.users.Users[0].Suspended = true
	i.write()
	ended := make(chan struct{})
	go func() { conn.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(deadline):
		t.Error("the session goes on")
	}
}

func TestEachConfiguredHostKeyIsOffered(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	i := start(t, func(i *instance) {
		for name, key := range map[string]crypto.PrivateKey{"host_ecdsa": ec, "host_rsa": old} {
			block, err := ssh.MarshalPrivateKey(key, "")
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(i.dir, name)
			if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
			i.config.SSH.HostKeyFiles = append(i.config.SSH.HostKeyFiles, file)
		}
	})
	for _, algorithm := range []string{"ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-256", "rsa-sha2-512"} {
		c, err := ssh.Dial("tcp", i.addrs["22"], &ssh.ClientConfig{
			User: "alice", Auth: []ssh.AuthMethod{ssh.Password("right")}, HostKeyAlgorithms: []string{algorithm},
			HostKeyCallback: ssh.InsecureIgnoreHostKey(),
			// As libraries of a few years ago.
			Config: ssh.Config{Ciphers: []string{"aes256-ctr"}, MACs: []string{"hmac-sha2-256"}, KeyExchanges: []string{"ecdh-sha2-nistp256"}},
		})
		if err != nil {
			t.Errorf("%s: %v", algorithm, err)
			continue
		}
		c.Close()
	}
	_, err = ssh.Dial("tcp", i.addrs["22"], &ssh.ClientConfig{
		User: "alice", HostKeyCallback: ssh.InsecureIgnoreHostKey(), ClientVersion: "SSH-2.0-VLC",
		Config: ssh.Config{Ciphers: []string{"3des-cbc"}},
	})
	if err == nil {
		t.Error("3des-cbc is taken")
	}
	i.eventually("the refusal is in the log", func() error {
		for line := range strings.Lines(i.logs.String()) {
			if strings.Contains(line, `"level":"INFO"`) && strings.Contains(line, "VLC") && strings.Contains(line, "3des-cbc") {
				return nil
			}
		}
		return errors.New("it is not")
	})
}
