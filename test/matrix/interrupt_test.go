//go:build e2e

package matrix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// interrupted is the size of the file whose download is given up.
const interrupted = 2 << 30

// TestAClientGivesADownloadUp has clients abort a download, each in its own way:
// libraries by a call, the old programs by SIGINT. Nearly all of them send urgent data
// for it. Then the session has to go on: a small file is downloaded.
func TestAClientGivesADownloadUp(t *testing.T) {
	for _, r := range append(append(ftplibRows(), netFTPRows()...), append(tnftpRows(), inetutilsRows()...)...) {
		if r.why != "" || r.mode != "passive" {
			continue
		}
		t.Run(strings.ReplaceAll(r.client+"/"+r.transport, " ", "-"), func(t *testing.T) {
			s := volume.session(t, interruptUser, r)
			if err := errors.Join(os.WriteFile(s.remote("big"), nil, 0o644), os.Truncate(s.remote("big"), interrupted),
				cp(sources.small, s.remote("small"))); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			var err error
			if r.client == "tnftp" || r.client == "inetutils-ftp" {
				s.output, err = s.interrupt(ctx)
			} else {
				err = s.tell(ctx, step{verb: abort, a: "big"}, step{get, "small", s.scratch("small")})
			}
			if err == nil {
				err = same(s.scratch("small"), sources.small)
			}
			if err != nil {
				t.Fatalf("%v\nthe client said: %s\nthe server said: %s", err, tail(s.output), s.server.logOf(s.user))
			}
			t.Logf("%v", time.Since(start).Round(time.Millisecond))
		})
	}
}

// interrupt runs one of the old programs and sends it SIGINT in its first download.
func (s *session) interrupt(ctx context.Context) (string, error) {
	argv := []string{s.client, "-n", "-i", "-v", "-p"}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = s.local, append(os.Environ(), "HOME="+s.local, "LC_ALL=C.UTF-8", "TERM=dumb")
	cmd.Stdin = strings.NewReader(fmt.Sprintf("open %s %d\nuser %s %s\nbinary\nget big big\nget small small\nquit\n",
		host, s.server.ftp, s.user, password))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, 5*time.Second
	if err := cmd.Start(); err != nil {
		return "", err
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for size := int64(0); size == 0 && ctx.Err() == nil; <-tick.C {
		size, _ = sizeOf(s.scratch("big"))
	}
	if err := errors.Join(cmd.Process.Signal(syscall.SIGINT), cmd.Wait()); err != nil {
		return out.String(), err
	}
	if size, err := sizeOf(s.scratch("big")); err == nil && size >= interrupted {
		return out.String(), fmt.Errorf("all %d bytes came after SIGINT", size)
	}
	return out.String(), nil
}
