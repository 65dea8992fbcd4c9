package ftp_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

func TestANameThatLeadsOutIs550AndLogsNoError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for link, target := range map[string]string{"out": "/etc/passwd", "up": "../..", "loop": "loop"} {
		if err := os.Symlink(target, dir+"/"+link); err != nil {
			t.Fatal(err)
		}
	}
	ts := serve(t, plain, func(s *ftp.Options) { s.Backend = onDisk(t, dir) })
	c := ts.login()
	for _, name := range []string{"out", "up", "up/etc", "loop", "out/f"} {
		for _, verb := range []string{"CWD", "SIZE", "MDTM", "MLST", "STAT", "RETR", "STOR", "APPE", "LIST", "NLST", "MLSD", "HASH", "RMD", "DSIZ"} {
			c.epsv()
			if got := c.command(verb+" "+name, "..."); !strings.HasPrefix(got, "55") {
				t.Errorf("%s %s: %q", verb, name, got)
			}
		}
	}
	if log := ts.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("logged: %s", log)
	}
}

// failingBackend logs everybody in to a file system on which each look fails.
type failingBackend struct{ err error }

func (b failingBackend) Login(context.Context, *ftp.Conn, string, string) (ftp.Session, error) {
	return failingSession{home{}, b.err}, nil
}

type failingSession struct {
	ftp.Session
	err error
}

func (s failingSession) Stat(context.Context, string) (fs.FileInfo, error) { return nil, s.err }

func TestErrorsThatAnyClientCanHaveAre550AndLogNoError(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&fs.PathError{Op: "statat", Path: "x", Err: errors.New("path escapes from parent")},
		&os.LinkError{Op: "renameat", Old: "x", New: "y", Err: errors.New("path escapes from parent")},
		&fs.PathError{Op: "open", Path: "pipe", Err: syscall.ENXIO},
		&fs.PathError{Op: "open", Path: "device", Err: syscall.ENODEV},
		&fs.PathError{Op: "seek", Path: "pipe", Err: syscall.ESPIPE},
		&fs.PathError{Op: "open", Path: "large", Err: syscall.EOVERFLOW},
		&os.LinkError{Op: "rename", Old: "x", New: "y", Err: syscall.EMLINK},
		&fs.PathError{Op: "open", Path: "loop", Err: syscall.ELOOP},
		&fs.PathError{Op: "open", Path: "x", Err: syscall.EPERM},
		&fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist},
	} {
		ts := serve(t, plain, func(s *ftp.Options) { s.Backend = failingBackend{err} })
		if got := ts.login().command("SIZE f", "..."); !strings.HasPrefix(got, "550 ") {
			t.Errorf("%v: %q", err, got)
		}
		if log := ts.log.String(); strings.Contains(log, "level=ERROR") {
			t.Errorf("%v: logged: %s", err, log)
		}
	}
}

func TestErrorsOfTheServerAre451AndLogged(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		errors.New("input/output error"),
		&fs.PathError{Op: "open", Path: "x", Err: syscall.EIO},
		&fs.PathError{Op: "open", Path: "x", Err: syscall.ESTALE},
		&fs.PathError{Op: "open", Path: "x", Err: fs.ErrClosed},
		&fs.PathError{Op: "read", Path: "x", Err: io.ErrUnexpectedEOF},
		&net.OpError{Op: "read", Err: errors.New("what")},
	} {
		ts := serve(t, plain, func(s *ftp.Options) { s.Backend = failingBackend{err} })
		ts.login().command("SIZE f", "451 ...")
		if log := ts.log.String(); strings.Count(log, "level=ERROR") != 1 {
			t.Errorf("%v: logged: %s", err, log)
		}
	}
}

func TestOneSessionDoesNotFillTheLog(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, func(s *ftp.Options) { s.Backend = brokenBackend{} })
	c := ts.login()
	for range 100 {
		c.command("SIZE f", "451 ...")
	}
	if n := strings.Count(ts.log.String(), "level=ERROR"); n < 1 || n > 10 {
		t.Errorf("%d lines", n)
	}
	ts.login().command("SIZE f", "451 ...")
	if log := ts.log.String(); !strings.Contains(log, "further errors") || strings.Count(log, "level=ERROR") > 11 {
		t.Errorf("logged: %s", log)
	}
}
