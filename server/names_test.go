package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	psftp "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// homeFile makes a file of alice, by the disk.
func (i *instance) homeFile(name, content string) string {
	i.t.Helper()
	p := filepath.Join(i.config.Storage.Root, "alice", name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(content), 0o644)); err != nil {
		i.t.Fatal(err)
	}
	return p
}

// sftpOf returns a session of a user over SFTP.
func (i *instance) sftpOf(user string) *psftp.Client {
	i.t.Helper()
	conn, err := i.dial(user, ssh.Password("right"))
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { conn.Close() })
	c, err := psftp.NewClient(conn)
	if err != nil {
		i.t.Fatal(err)
	}
	return c
}

func TestALinkThatLeadsOutIsNoErrorOfTheServer(t *testing.T) {
	t.Parallel()
	i := start(t)
	home := filepath.Dir(i.homeFile("f", "inside"))
	for name, target := range map[string]string{"out": "/etc/passwd", "up": "../..", "abs": filepath.Join(home, "f"), "top": "/f"} {
		if err := os.Symlink(target, filepath.Join(home, name)); err != nil {
			t.Fatal(err)
		}
	}
	c := i.login()
	for _, name := range []string{"out", "up"} {
		_, sizeErr := c.FileSize(name)
		_, getErr := c.Retr(name)
		for _, err := range []error{sizeErr, getErr, c.Stor(name, strings.NewReader("x")), c.ChangeDir(name), c.RemoveDir(name + "/x")} {
			var reply *textproto.Error
			if !errors.As(err, &reply) || reply.Code != 550 {
				t.Errorf("%s: got %v, want 550: what is 4xx is tried again for ever", name, err)
			}
		}
	}
	s := i.sftpOf("alice")
	for _, name := range []string{"/out", "/up", "/up/x"} {
		if _, err := s.Stat(name); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			t.Errorf("SFTP: %s: got %v", name, err)
		}
	}
	for _, name := range []string{"abs", "top"} {
		if size, err := c.FileSize(name); size != 6 || err != nil {
			t.Errorf("%s, which leads inside: %d bytes, %v", name, size, err)
		}
		if info, err := s.Stat("/" + name); err != nil || info.Size() != 6 {
			t.Errorf("SFTP: %s, which leads inside: %v", name, err)
		}
	}
	if strings.Contains(i.logs.String(), `"level":"ERROR"`) {
		t.Error("any client can have the server log errors")
	}
}

func TestLinksAreKeptAsTheyAreGiven(t *testing.T) {
	t.Parallel()
	i := start(t)
	i.homeFile("d/f", "f")
	s := i.sftpOf("alice")
	for n, target := range []string{"/d/f", "/", "d/../d/f", "none"} {
		name := fmt.Sprintf("/link%d", n)
		if err := s.Symlink(target, name); err != nil {
			t.Errorf("%s: %v", target, err)
		}
		if got, err := s.ReadLink(name); got != target || err != nil {
			t.Errorf("%s leads to %q, %v", target, got, err)
		}
	}
}

func TestAHomeIsNoLinkOfAnotherUser(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) {
		member, victim := user(i.t, "member"), user(i.t, "victim")
		member.Home = "alice/member"
		i.users.Users = append(i.users.Users, member, victim)
	})
	i.sftpOf("member")
	i.sftpOf("victim")
	s := i.sftpOf("alice")
	if err := errors.Join(s.Rename("/member", "/aside"), s.Symlink("../victim", "/member")); err != nil {
		t.Fatal(err)
	}
	if conn, err := i.dial("member", ssh.Password("right")); err == nil {
		conn.Close()
		t.Error("member is in the home of victim")
	}
	i.eventually("the log says why", func() error {
		if !strings.Contains(i.logs.String(), "symbolic link") {
			return errors.New(i.logs.String())
		}
		return nil
	})
}

func TestModesAreThoseOfTheConfigurationAtOnce(t *testing.T) {
	umask := unix.Umask(0) // as the program sets it
	defer unix.Umask(umask)
	i := start(t)
	s := i.sftpOf("alice")
	c := i.login()
	made := 0
	check := func(file, folder fs.FileMode) error {
		made++
		name := fmt.Sprintf("f%d", made)
		if err := errors.Join(c.Stor(name, strings.NewReader("x")), c.MakeDir(name+".dir"), s.Mkdir("/"+name+".dir2")); err != nil {
			return err
		}
		for end, want := range map[string]fs.FileMode{"": file, ".dir": folder, ".dir2": folder} {
			info, err := os.Stat(filepath.Join(i.config.Storage.Root, "alice", name+end))
			if err != nil || info.Mode().Perm() != want {
				return fmt.Errorf("%s has %v, want %v: %w", name+end, info.Mode(), want, err)
			}
		}
		return nil
	}
	if err := check(0o660, 0o770); err != nil {
		t.Errorf("by default: %v", err)
	}
	i.config.Storage.Umask = "0022"
	i.write()
	i.eventually("another umask", func() error { return check(0o644, 0o755) })
	i.config.Storage.FileMode, i.config.Storage.FolderMode = "0640", "0750"
	i.write()
	i.eventually("modes of their own", func() error { return check(0o640, 0o750) })
}

func TestPermissionsReachWhatIsOpen(t *testing.T) {
	t.Parallel()
	i := start(t)
	i.homeFile("f", "before")
	f, err := i.sftpOf("alice").OpenFile("/f", os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("B"), 0); err != nil {
		t.Fatal(err)
	}
	i.users.Users[0].Access = config.AccessNone
	i.write()
	i.eventually("the open file is refused", func() error {
		_, readErr := f.ReadAt(make([]byte, 1), 0)
		_, writeErr := f.WriteAt([]byte("B"), 0)
		if !errors.Is(readErr, fs.ErrPermission) || !errors.Is(writeErr, fs.ErrPermission) {
			return fmt.Errorf("read: %w, write: %w", readErr, writeErr)
		}
		return nil
	})
}

func TestASmallFolderIsListedByName(t *testing.T) {
	t.Parallel()
	i := start(t)
	for _, name := range []string{"c", "a", "B", "b", "10", "9"} {
		i.homeFile(name, "")
	}
	got, err := i.login().NameList("")
	if want := "10 9 B a b c"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("NLST has %q, %v; want %s", got, err, want)
	}
}
