package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	psftp "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// client is an SFTP client of a user who has the password "right".
func (i *instance) client(user string) (*psftp.Client, *ssh.Client) {
	i.t.Helper()
	c, err := i.dial(user, ssh.Password("right"))
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { c.Close() })
	s, err := psftp.NewClient(c)
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { s.Close() })
	return s, c
}

// home returns a path in the home of alice, which it makes.
func (i *instance) home(name string) string {
	i.t.Helper()
	path := filepath.Join(i.config.Storage.Root, "alice", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o770); err != nil {
		i.t.Fatal(err)
	}
	return path
}

func (i *instance) put(name, content string) {
	i.t.Helper()
	if err := os.WriteFile(i.home(name), []byte(content), 0o660); err != nil {
		i.t.Fatal(err)
	}
}

// refused wants an error of the status that is fs.ErrNotExist or fs.ErrPermission, or any
// other if want is nil.
func refused(t *testing.T, what string, err, want error) {
	t.Helper()
	if err == nil || want != nil && !errors.Is(err, want) {
		t.Errorf("%s: %v, not %v", what, err, want)
	}
}

func TestSFTPNamesAreThoseOfTheSystem(t *testing.T) {
	t.Parallel()
	for _, atomic := range []bool{false, true} {
		i := start(t, func(i *instance) { i.config.Storage.AtomicUploads = atomic })
		i.put("f", "top")
		i.put("g", "top")
		i.put("d/g", "inner")
		i.put("d/e/x", "")
		for link, target := range map[string]string{"le": "d/e", "abs": "/d/e", "host": i.home("d")} {
			if err := os.Symlink(target, i.home(link)); err != nil {
				t.Fatal(err)
			}
		}
		c, conn := i.client("alice")
		refused(t, "removing f/", c.Remove("f/"), fs.ErrNotExist)
		_, err := c.OpenFile("new/", os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		refused(t, "making new/ as a file", err, nil)
		for _, name := range []string{"f/", "none/../f", "f/../f", ""} {
			_, err := c.Stat(name)
			refused(t, "describing "+name, err, fs.ErrNotExist)
		}
		if info, err := c.Lstat("le/"); err != nil || !info.IsDir() {
			t.Errorf("le/ is %v, %v", info, err)
		}
		for name, want := range map[string]string{
			"le/../g": "/d/g", "abs/x": "/d/e/x", "host/g": "/d/g", "none": "/none", "d/none": "/d/none", ".": "/", "": "/",
		} {
			if got, err := c.RealPath(name); err != nil || got != want {
				t.Errorf("%q leads to %q, %v", name, got, err)
			}
		}
		// The commands take names in the same way.
		for command, want := range map[string]string{
			"sha256sum le/../g": fmt.Sprintf("%x", sha256.Sum256([]byte("inner"))), "sha256sum f/": "", "scp -f f/": "", "cd f/..": "",
		} {
			s, err := conn.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(command, "scp") { // the others may be gone before they are written to
				s.Stdin = strings.NewReader("\x00") // begin
			}
			out, err := s.Output(command)
			if (err == nil) != (want != "") || !strings.HasPrefix(string(out), want) {
				t.Errorf("%s: %q, %v", command, out, err)
			}
		}
		_, err = c.RealPath("none/x")
		refused(t, "the real path of none/x", err, fs.ErrNotExist)
		if err := c.Remove("le/../g"); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(i.home("g")); err != nil {
			t.Error("another file was removed")
		}
		for _, name := range []string{"a\nb", "c\rd"} {
			i.put(name, "x")
			if _, err := c.Stat(name); err != nil {
				t.Errorf("%q: %v", name, err)
			}
			if err := c.Rename(name, "renamed"+name); err != nil {
				t.Errorf("%q: %v", name, err)
			}
			if err := c.Remove("renamed" + name); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
}

func TestAReadOnlyUserIsToldThatNothingIsSet(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) {
		i.users.Users[0].Access = config.AccessReadOnly
		i.put("f", "x")
		if err := os.Symlink("f", i.home("l")); err != nil {
			t.Fatal(err)
		}
	})
	before, _ := os.Stat(i.home("f"))
	c, _ := i.client("alice")
	f, err := c.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	when := time.Unix(1, 0)
	for what, err := range map[string]error{
		"mode": c.Chmod("f", 0o600), "mode, open": f.Chmod(0o600), "times": c.Chtimes("f", when, when), "size": c.Truncate("f", 0),
		"size, open": f.Truncate(0), "owner": c.Chown("f", os.Getuid(), os.Getgid()), "other owner": c.Chown("f", 12345, 1), "link": c.Symlink("f", "new"),
	} {
		refused(t, what, err, fs.ErrPermission)
	}
	after, _ := os.Stat(i.home("f"))
	if after.Mode() != before.Mode() || after.Size() != 1 || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("it is %v, %d, %v", after.Mode(), after.Size(), after.ModTime())
	}
}

func TestAttributesAreSetAsTheSystemDoes(t *testing.T) {
	t.Parallel()
	i := start(t)
	i.put("f", "x")
	i.put("d/f", "x")
	c, _ := i.client("alice")
	for name, mode := range map[string]fs.FileMode{
		"d": 0o777 | fs.ModeSticky, "d/f": 0o755 | fs.ModeSetuid, "f": 0o775 | fs.ModeSetgid,
	} {
		if err := c.Chmod(name, mode); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if info, _ := os.Stat(i.home(name)); info.Mode()&^fs.ModeType != mode {
			t.Errorf("%s has mode %v, not %v", name, info.Mode(), mode)
		}
	}
	refused(t, "giving a file away", c.Chown("f", 12345, os.Getgid()), fs.ErrPermission)
	refused(t, "a foreign group", c.Chown("f", os.Getuid(), 54321), fs.ErrPermission)
	if err := c.Chown("f", os.Getuid(), os.Getgid()); err != nil {
		t.Errorf("the owner that it has: %v", err)
	}
	// What an upload asks for must not make it fail.
	f, err := c.Create("up")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Chown(12345, 54321), f.Chmod(0o640), f.Close()); err != nil {
		t.Error(err)
	}
}

func TestADropBoxServesProgramsThatReadToo(t *testing.T) {
	t.Parallel()
	for _, atomic := range []bool{false, true} {
		i := start(t, func(i *instance) {
			i.config.Storage.AtomicUploads = atomic
			i.users.Users[0].Paths = []config.PathRule{{Path: "/in", Access: config.AccessWriteOnly}}
			i.put("in/there", "x")
		})
		c, conn := i.client("alice")
		f, err := c.Create("in/new") // for reading and writing
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("content")); err != nil {
			t.Error(err)
		}
		_, err = f.ReadAt(make([]byte, 7), 0)
		refused(t, "reading", err, fs.ErrPermission)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if b, _ := os.ReadFile(i.home("in/new")); string(b) != "content" {
			t.Errorf("atomic %v: it has %q", atomic, b)
		}
		_, err = c.Create("in/there")
		refused(t, "writing the file of another", err, fs.ErrPermission)

		// rclone asks like this whether it may rely on checksums.
		s, err := conn.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		s.Stdin = strings.NewReader("")
		if out, err := s.CombinedOutput("md5sum"); err == nil {
			t.Errorf("there are checksums: %s", out)
		}
	}
}

func TestAppendsOfSeveralSessionsAreAllThere(t *testing.T) {
	t.Parallel()
	for _, atomic := range []bool{false, true} {
		i := start(t, func(i *instance) { i.config.Storage.AtomicUploads = atomic })
		i.put("log", "")
		done := make(chan error)
		const sessions, lines = 4, 100
		for n := range sessions {
			c, _ := i.client("alice")
			go func() {
				f, err := c.OpenFile("log", os.O_WRONLY|os.O_APPEND|os.O_CREATE)
				for range lines {
					if err == nil {
						_, err = f.Write(bytes.Repeat([]byte{byte('a' + n)}, 100))
					}
				}
				if err == nil {
					err = f.Close()
				}
				done <- err
			}()
		}
		for range sessions {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		b, _ := os.ReadFile(i.home("log"))
		for n := range sessions {
			if got := bytes.Count(b, []byte{byte('a' + n)}); got != lines*100 {
				t.Errorf("atomic %v: %d bytes of session %d", atomic, got, n)
			}
		}
	}
}

func TestFoldersWithSpecialBitsAreUploaded(t *testing.T) {
	t.Parallel()
	i := start(t, withKey)
	local := t.TempDir()
	dir := filepath.Join(local, "d")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o644),
		os.Chmod(dir, 0o775|fs.ModeSetgid|fs.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string][]string{
		"scp": {"-O", "-r", "-q"}, "scp-p": {"-O", "-r", "-p", "-q"}, "sftp": {"-r", "-q"}, "sftp-p": {"-r", "-p", "-q"},
	} {
		if out, err := i.openSSH("scp", "", append(flags, dir, "alice@127.0.0.1:"+name)...); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		if b, err := os.ReadFile(i.home(name + "/f")); err != nil || string(b) != "x" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		// Over SFTP, OpenSSH's client does not ask for setgid.
		if info, err := os.Stat(i.home(name)); err != nil || flags[0] == "-O" && info.Mode()&fs.ModeSetgid == 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	c, _ := i.client("alice")
	if f, err := c.Open("scp/f"); err != nil {
		t.Error(err)
	} else if _, err := io.ReadAll(f); err != nil {
		t.Error(err)
	}
}

func TestTheSpaceOfAFileThatWasRemovedIsTold(t *testing.T) {
	t.Parallel()
	i := start(t)
	i.put("f", "x")
	c, conn := i.client("alice")
	_, err := c.StatVFS("none")
	refused(t, "the space of what is missing", err, fs.ErrNotExist)

	ch, reqs, err := conn.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	if ok, err := ch.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"})); !ok || err != nil {
		t.Fatal(err)
	}
	// call sends a packet and returns the reply.
	call := func(kind byte, payload any) []byte {
		t.Helper()
		body := append([]byte{kind}, ssh.Marshal(payload)...)
		if _, err := ch.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)); err != nil {
			t.Fatal(err)
		}
		var head [4]byte
		if _, err := io.ReadFull(ch, head[:]); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(ch, b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	call(1, struct{ Version uint32 }{3})
	opened := call(3, struct {
		ID    uint32
		Name  string
		Flags uint32
		Attrs uint32
	}{1, "f", 1, 0})
	if opened[0] != 102 {
		t.Fatalf("OPEN: %q", opened)
	}
	if err := c.Remove("f"); err != nil {
		t.Fatal(err)
	}
	if got := call(200, struct {
		ID           uint32
		Name, Handle string
	}{2, "fstatvfs@openssh.com", string(opened[9:])}); got[0] != 201 {
		t.Errorf("fstatvfs: %q", got)
	}
}
