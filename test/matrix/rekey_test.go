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

// rekeySize is what goes each way in one session, in bytes.
func rekeySize() int64 {
	if long {
		return 10 << 30
	}
	return 3 << 30
}

// TestManyGiBEachWayCrossRekeys has OpenSSH's client upload and download in one
// session. The client tells of each exchange of keys. Client and server agree on
// AES-GCM unless told otherwise, whose keys last for 64 GiB by default.
func TestManyGiBEachWayCrossRekeys(t *testing.T) {
	source := filepath.Join(filepath.Dir(sources.large.whole), "rekey")
	if err := makeSparse(source, rekeySize(), 1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(source) })
	want, err := checksum(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		options []string
	}{
		{"AES-GCM, with a limit of 1 GiB", []string{"-o", "RekeyLimit=1G"}},
		{"ChaCha20, which has that limit by default", []string{"-o", "Ciphers=chacha20-poly1305@openssh.com"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := volume.session(t, rekeyUser, row{client: "OpenSSH sftp"})
			start := time.Now()
			up, down, err := s.moveBothWays(t.Context(), source, tc.options)
			if err != nil {
				t.Fatalf("%v\nthe client said: %s\nthe server said: %s", err, tail(s.output), s.server.logOf(s.user))
			}
			if up != want || down != want {
				t.Errorf("the SHA-256 is %s after the upload and %s after the download, want %s", up, down, want)
			}
			rekeys := strings.Count(s.output, "SSH2_MSG_NEWKEYS received") - 1
			if least := 2 * int(rekeySize()>>30-1); rekeys < least {
				t.Errorf("there were %d rekeys, want %d or more", rekeys, least)
			}
			t.Logf("%d bytes each way in %s, with %d rekeys; SHA-256 %s", rekeySize(), time.Since(start).Round(time.Second), rekeys, want)
		})
	}
}

// moveBothWays uploads a file, and downloads another with the same content,
// and returns the checksums of what arrived. What was uploaded is removed
// before the download, so that the disk need not hold both.
func (s *session) moveBothWays(ctx context.Context, source string, options []string) (up, down string, err error) {
	ctx, cancel := context.WithTimeout(ctx, transferLimit(2*rekeySize()))
	defer cancel()
	if err := cp(source, s.remote("down.bin")); err != nil {
		return "", "", err
	}
	sum, back := s.scratch("up.sum"), s.scratch("down.bin")
	lines := []string{
		"put " + source + " up.bin",
		"!" + debianPython + " " + testdata("sha256.py") + " " + s.remote("up.bin") + " >" + sum,
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
	down, err = checksum(back)
	return strings.TrimSpace(string(b)), down, err
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

// oftenLimit is after how many bytes the clients of the next test change keys,
// and oftenSize is what they move. While they do so, as much more may be on its way to
// them as the kernel keeps for a connection, which is 36 MiB at most (tcp_wmem, tcp_rmem),
// and needs no other change. The server answers sixteen changes of a connection at once, and one a second after these.
const (
	oftenLimit = 32 << 20
	oftenSize  = 15 * oftenLimit
)

// TestClientsThatChangeKeysOften has PuTTY's programs ask for new keys while data
// and room to send are under way.
func TestClientsThatChangeKeysOften(t *testing.T) {
	for _, flag := range []string{"-scp", "-sftp"} {
		t.Run("pscp "+flag, func(t *testing.T) {
			s := volume.session(t, rekeyUser, row{client: "pscp"})
			source, back := s.scratch("often"), s.scratch("back")
			if err := makeSparse(source, oftenSize, 1); err != nil {
				t.Fatal(err)
			}
			want, err := checksum(source)
			if err != nil {
				t.Fatal(err)
			}
			if err := puttySession(s, "often", fmt.Sprintf("RekeyBytes=%d", oftenLimit)); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), transferLimit(2*oftenSize))
			defer cancel()
			remote := s.user + "@" + host + ":often"
			start, rekeys := time.Now(), []int(nil)
			for _, files := range [][]string{{source, remote}, {remote, back}} {
				argv := append(puttyArgs(s, "pscp"), "-load", "often", "-v", flag)
				if s.output, err = s.exec(ctx, command{argv: append(argv, files...)}); err != nil {
					t.Fatalf("%v\nthe client said: %s\nthe server said: %s", err, tail(s.output), s.server.logOf(s.user))
				}
				got, least := strings.Count(s.output, "Initiating key re-exchange"), oftenSize/oftenLimit/2
				if rekeys = append(rekeys, got); got < least {
					t.Errorf("there were %d rekeys, want %d or more: %s", got, least, tail(s.output))
				}
			}
			if got, err := checksum(back); err != nil || got != want {
				t.Errorf("the SHA-256 is %s (%v), want %s", got, err, want)
			}
			t.Logf("%d bytes each way in %s, with %d rekeys", int64(oftenSize), time.Since(start).Round(time.Millisecond), rekeys)
		})
	}
}
