//go:build e2e

package matrix

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rekeySize is what goes each way in one session.
const rekeySize = 10 << 30

// TestTenGiBEachWayCrossRekeys has OpenSSH's client upload and download in one
// session. The client tells of each exchange of keys.
func TestTenGiBEachWayCrossRekeys(t *testing.T) {
	dir := filepath.Join(base, "rekey")
	source := filepath.Join(dir, "source")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := makeSparse(source, rekeySize, 1); err != nil {
		t.Fatal(err)
	}
	want, err := checksum(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		every   int64 // how much the client sends or takes with the same keys
		options []string
	}{
		{"as the client does by default", 1 << 30, nil},
		{"as often as the client is told to", 512 << 20, []string{"-o", "RekeyLimit=512M", "-o", "Ciphers=aes128-gcm@openssh.com"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSession(t, rekeyUser, row{client: "OpenSSH sftp"})
			start := time.Now()
			up, down, err := s.moveBothWays(t.Context(), source, tc.options)
			if err != nil {
				t.Fatalf("%v\nthe client said: %s\nthe server said: %s", err, tail(s.output), s.server.logOf(s.user))
			}
			if up != want || down != want {
				t.Errorf("the SHA-256 is %s after the upload and %s after the download, want %s", up, down, want)
			}
			rekeys := strings.Count(s.output, "SSH2_MSG_NEWKEYS received") - 1
			// The bytes since the last rekey are counted for each direction.
			if least := 2 * int(rekeySize/tc.every-1); rekeys < least {
				t.Errorf("there were %d rekeys, want %d or more", rekeys, least)
			}
			t.Logf("%d bytes each way in %s, with %d rekeys; SHA-256 %s", int64(rekeySize), time.Since(start).Round(time.Second), rekeys, want)
		})
	}
}

// moveBothWays uploads a file, and downloads another with the same content,
// and returns the checksums of what arrived. What was uploaded is removed
// before the download, so that the disk need not hold both.
func (s *session) moveBothWays(ctx context.Context, source string, options []string) (up, down string, err error) {
	ctx, cancel := context.WithTimeout(ctx, transferLimit(2*rekeySize))
	defer cancel()
	if err := cp(source, s.remote("down.bin")); err != nil {
		return "", "", err
	}
	sum, back := s.scratch("up.sum"), s.scratch("down.bin")
	lines := []string{
		"put " + source + " up.bin",
		"!sha256sum <" + s.remote("up.bin") + " >" + sum,
		"rm up.bin",
		"get down.bin " + back,
	}
	argv := append([]string{"sftp", "-v", "-b", "-"}, options...)
	argv = append(append(argv, sshOptions(s)...), s.user+"@"+host)
	if s.output, err = s.exec(ctx, command{argv: argv, stdin: strings.Join(lines, "\n") + "\n"}); err != nil {
		return "", "", err
	}
	b, err := os.ReadFile(sum)
	if err != nil {
		return "", "", err
	}
	up, _, _ = strings.Cut(string(b), " ")
	down, err = checksum(back)
	return up, down, err
}

func checksum(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("reading %s: %w", filepath.Base(name), err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
