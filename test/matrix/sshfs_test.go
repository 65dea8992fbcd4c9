//go:build e2e

package matrix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func sshfsRows() []row {
	r := row{client: "sshfs", transport: "ssh", mode: "key", do: sshfs}
	if !there("/dev/fuse") {
		r.why = "this machine has no /dev/fuse"
	}
	return []row{r}
}

// sshfs mounts the user's home for as long as the steps take, which are then
// ordinary uses of files.
func sshfs(ctx context.Context, s *session, steps []step) (out string, err error) {
	dir := s.scratch("mount")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	mount := exec.CommandContext(ctx, "sshfs", "-f", "-p", fmt.Sprint(s.server.sftp), "-F", "/dev/null", "-o", "BatchMode=yes",
		"-o", "IdentityFile="+s.server.keyFile, "-o", "UserKnownHostsFile="+s.server.knownHosts, s.user+"@"+host+":", dir)
	var said bytes.Buffer
	mount.Stdout, mount.Stderr, mount.WaitDelay = &said, &said, 5*time.Second
	if err := mount.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- mount.Wait() }()
	if err := mounted(ctx, dir, ended); err != nil {
		mount.Process.Kill()
		<-ended
		return said.String(), err
	}
	defer func() {
		b, unmountErr := exec.Command("fusermount3", "-u", dir).CombinedOutput()
		if unmountErr != nil {
			mount.Process.Kill()
			unmountErr = fmt.Errorf("unmounting: %w: %s", unmountErr, b)
			exec.Command("fusermount3", "-u", "-z", dir).Run()
		}
		err = errors.Join(err, unmountErr, <-ended)
	}()
	var listed strings.Builder
	for _, st := range steps {
		if err := fileStep(dir, st, &listed); err != nil {
			return listed.String(), fmt.Errorf("%s: %w", st, err)
		}
	}
	return listed.String(), nil
}

// mounted waits until a folder is on another file system than its parent.
func mounted(ctx context.Context, dir string, ended chan error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var at, above syscall.Stat_t
		if err := errors.Join(syscall.Stat(dir, &at), syscall.Stat(filepath.Dir(dir), &above)); err != nil {
			return err
		}
		if at.Dev != above.Dev {
			return nil
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("sshfs ended: %w", errors.Join(err, errors.New("nothing is mounted")))
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func fileStep(dir string, st step, out io.Writer) error {
	in := func(name string) string { return filepath.Join(dir, name) }
	switch st.verb {
	case put:
		return copyFrom(st.a, in(st.b), false)
	case rePut:
		return copyFrom(st.a, in(st.b), true)
	case get:
		return copyFrom(in(st.a), st.b, false)
	case reGet:
		return copyFrom(in(st.a), st.b, true)
	case list:
		entries, err := os.ReadDir(in(st.a))
		for _, e := range entries {
			fmt.Fprintln(out, e.Name())
		}
		return err
	case move:
		return os.Rename(in(st.a), in(st.b))
	case remove:
		return os.Remove(in(st.a))
	case makeDir:
		return os.Mkdir(in(st.a), 0o755)
	}
	return fmt.Errorf("unknown verb %q", st.verb)
}

// copyFrom copies a file, or what is missing at the end of its copy.
func copyFrom(from, to string, resume bool) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	flags := os.O_CREATE | os.O_WRONLY
	if !resume {
		flags |= os.O_TRUNC
	}
	dst, err := os.OpenFile(to, flags, 0o644)
	if err != nil {
		return err
	}
	at, err := dst.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = src.Seek(at, io.SeekStart)
	}
	if err == nil {
		_, err = io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{src}, make([]byte, 1<<17))
	}
	return errors.Join(err, dst.Close())
}
