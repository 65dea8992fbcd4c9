package sftp_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
)

// program skips a test without the program that it is about.
func program(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
}

// An openSSH runs programs of OpenSSH as alice, with her key.
type openSSH struct {
	*fixture
	home string // holds key and known_hosts, and is where programs run
}

// openSSH makes a home for OpenSSH. Its key is made by the library, so that the
// test needs no other program.
func (f *fixture) openSSH() *openSSH {
	f.t.Helper()
	o := &openSSH{f, f.t.TempDir()}
	key, private := generate(f.t)
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		f.t.Fatal(err)
	}
	o.write("key", string(pem.EncodeToMemory(block)))
	f.setKey(key.PublicKey())
	o.write("known_hosts", knownhosts.Line([]string{f.addr}, f.hostKey.PublicKey())+"\n")
	return o
}

func (o *openSSH) write(name, content string) {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.home, name), []byte(content), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func (o *openSSH) read(name string) string {
	o.t.Helper()
	b, err := os.ReadFile(filepath.Join(o.home, name))
	if err != nil {
		o.t.Fatal(err)
	}
	return string(b)
}

// run runs a program, which gets options before args.
func (o *openSSH) run(name, stdin string, args ...string) (string, error) {
	o.t.Helper()
	program(o.t, name)
	_, port, _ := net.SplitHostPort(o.addr)
	ctx, cancel := context.WithTimeout(o.t.Context(), 4*time.Minute)
	defer cancel()
	options := []string{
		"-F", "/dev/null", "-i", "key", "-oPort=" + port, "-oIdentitiesOnly=yes", "-oBatchMode=yes",
		"-oUserKnownHostsFile=known_hosts", "-oGlobalKnownHostsFile=/dev/null", "-oStrictHostKeyChecking=yes",
	}
	cmd := exec.CommandContext(ctx, name, append(options, args...)...)
	cmd.Dir, cmd.Stdin, cmd.WaitDelay = o.home, strings.NewReader(stdin), time.Second
	out, err := cmd.CombinedOutput()
	o.noHostPath(string(out))
	return string(out), err
}

// must is run for what should succeed.
func (o *openSSH) must(name, stdin string, args ...string) string {
	o.t.Helper()
	out, err := o.run(name, stdin, args...)
	if err != nil {
		o.t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

const host = "alice@127.0.0.1"

func TestOpenSSHsSFTPDoesAllItCan(t *testing.T) {
	t.Parallel()
	o := serve(t).openSSH()
	content := random(3 << 20)
	o.write("file", content)
	out := o.must("sftp", strings.Join([]string{
		"mkdir dir", "put -p file dir/a", "rename dir/a dir/b", "ln dir/b dir/hard", "ln -s b dir/soft", "chmod 600 dir/hard",
		"cp dir/b dir/copy", "cd dir", "ls -la", "df -h .", "pwd", "get copy back", "reget copy back", "put file over", "put file over",
		"rm hard", "ls -1", "rm *", "cd ..", "rmdir dir", "put file kept", "bye",
	}, "\n"), "-b", "-", "-f", host)
	for _, want := range []string{"-rw-------", "soft", "%Capacity", "Remote working directory: /dir", "\ncopy", "\nover"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if o.content("kept") != content || o.read("back") != content {
		t.Error("what was moved differs")
	}
	if o.exists("dir") {
		t.Error("the directory is still there")
	}
}

func TestOpenSSHsSCPMovesTreesOfBothKinds(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{"of SFTP": {"-s"}, "of its own": {"-O"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := serve(t).openSSH()
			when := time.Unix(1_000_000_000, 0)
			tree := map[string]string{"big": random(1<<20 + 17), "empty": "", "sub/with space": "x", "sub/deep/er": "y", "sub/it's $HOME": "z"}
			for name, content := range tree {
				path := filepath.Join(o.home, "tree", name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(path, when, when); err != nil {
					t.Fatal(err)
				}
			}
			o.must("scp", "", append(flags, "-rp", "tree", host+":up")...)
			o.must("scp", "", append(flags, "-rp", host+":up", "back")...)
			for name, content := range tree {
				if o.content("up/"+name) != content || o.read("back/"+name) != content {
					t.Errorf("%s differs", name)
				}
				for _, path := range []string{filepath.Join(o.dir, "up", name), filepath.Join(o.home, "back", name)} {
					if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(when) || info.Mode() != 0o640 {
						t.Errorf("%s has mode %v and time %v", name, info.Mode(), info.ModTime())
					}
				}
			}
			// Into a directory that exists, and by patterns.
			o.must("scp", "", append(flags, "tree/big", "tree/empty", host+":up/sub")...)
			if o.content("up/sub/big") != tree["big"] {
				t.Error("a file in a directory differs")
			}
			o.must("scp", "", append(flags, host+":up/[be]*", ".")...)
			if o.read("big") != tree["big"] || o.read("empty") != "" {
				t.Error("by a pattern, files differ")
			}
		})
	}
}

func TestOpenSSHsSCPIsToldWhatIsWrong(t *testing.T) {
	t.Parallel()
	o := serve(t).openSSH()
	o.write("file", "x")
	o.put("dir/file", "x")
	for want, args := range map[string][]string{
		"/missing: No such file":       {host + ":missing", "."},
		"/dir: not a regular file":     {host + ":dir", "."},
		"/a/b: No such file":           {"file", host + ":a/b"},
		"/nowhere: Not a directory":    {"file", "known_hosts", host + ":nowhere"},
		"/dir/file/x: Not a directory": {"file", host + ":dir/file/x"},
	} {
		out, err := o.run("scp", "", append([]string{"-O"}, args...)...)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("scp %s: %v, and %q, not %q", args, err, out, want)
		}
	}
}

func TestOpenSSHIsRefusedAShellAndForwarding(t *testing.T) {
	t.Parallel()
	o := serve(t).openSSH()
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"a shell":    {[]string{host}, "only serves files"},
		"a terminal": {[]string{"-tt", host}, "PTY allocation request failed"},
		"an agent":   {[]string{"-A", host}, "only serves files"},
		"a command":  {[]string{host, "id"}, "There is no command id"},
	} {
		if out, err := o.run("ssh", "", tc.args...); err == nil || !strings.Contains(out, tc.want) {
			t.Errorf("%s: %v, %q", name, err, out)
		}
	}
	if out, err := o.run("ssh", "", "-W", "127.0.0.1:1", host); err == nil || !strings.Contains(out, "there is no forwarding") {
		t.Errorf("-W: %v, %q", err, out)
	}
	if out, err := o.run("ssh", "", "-N", "-oExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", host); err == nil {
		t.Errorf("-R: %q", out)
	}
}

func TestOpenSSHLearnsAllHostKeys(t *testing.T) {
	t.Parallel()
	next, rsaKey := newKey(t), newRSAKey(t)
	o := serve(t, func(f *fixture) { f.config.HostKeys = append(f.config.HostKeys, rsaKey, next) }).openSSH()
	known := func() string { return o.read("known_hosts") }
	// A session may end before the client has seen the proofs; the next sees them.
	eventually(t, "the keys to be known", func() bool {
		o.must("sftp", strings.Repeat("ls\n", 50), "-oUpdateHostKeys=yes", "-b", "-", host)
		return strings.Count(known(), "\n") == 3
	})
	for _, key := range []ssh.Signer{o.hostKey, next, rsaKey} {
		if !strings.Contains(known(), strings.Fields(string(ssh.MarshalAuthorizedKey(key.PublicKey())))[1]) {
			t.Errorf("a key of type %s is not known", key.PublicKey().Type())
		}
	}
	// The rotation: the new key alone is in use, and nobody is asked anything.
	o.config = &sftp.ConnConfig{HostKeys: []ssh.Signer{next}}
	o.must("sftp", "pwd\n", "-b", "-", host)
}

func TestRekeyingDropsNoTransfer(t *testing.T) {
	t.Parallel()
	size, limit := int64(1100<<20), "256M"
	if testing.Short() || raceEnabled {
		size, limit = 96<<20, "16M"
	}
	o := serve(t).openSSH()
	block := random(1 << 20)
	name := filepath.Join(o.dir, "big")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(0); at < size; at += 1 << 20 {
		// Blocks that differ, so that none can be in the place of another.
		if _, err := file.WriteString(fmt.Sprintf("%08d", at>>20) + block[8:]); err != nil {
			t.Fatal(err)
		}
	}
	file.Close()
	for _, cipher := range []string{"aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"} {
		o.must("sftp", "get big back\nput back up\n", "-b", "-", "-oRekeyLimit="+limit, "-c", cipher, host)
		if out, err := exec.Command("cmp", name, filepath.Join(o.dir, "up")).CombinedOutput(); err != nil {
			t.Errorf("%s: after both ways: %s", cipher, out)
		}
	}
}
