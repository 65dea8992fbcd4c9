// Package clients moves files with the file transfer programs that people use,
// and checks that what arrives is what was sent. The demo prints what it finds,
// the end-to-end tests assert it.
package clients

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Target is a server, and a user who may log in to it.
type Target struct {
	Host       string
	FTP        int
	FTPS       int
	SFTP       int
	User       string
	Password   string
	KeyFile    string // private key of a user who has one
	KeyUser    string // that user
	CAFile     string // of the server's certificate
	KnownHosts string // file with the server's host keys
	PlainFTP   bool   // whether the server takes sessions without TLS
}

// Runner makes a command run where the clients are.
type Runner func(ctx context.Context, name string, args ...string) *exec.Cmd

// Case is one way to move files.
type Case struct {
	Protocol string // FTP, FTPS, SFTP
	TLS      string // none, explicit, implicit; "-" for SFTP
	Mode     string // "passive PASV", "passive EPSV", "active", or how SFTP logs in
	Client   string // the program

	program  string // what must be installed
	upload   func(t Target, local, remote string) command
	download func(t Target, remote, local string) command
}

// command is a program's arguments, what it reads and what is in its
// environment.
type command struct {
	argv  []string
	stdin string
	env   []string
}

// Name identifies the case, for the name of a test.
func (c Case) Name() string {
	return strings.NewReplacer(" ", "-", "/", "-").Replace(
		strings.ToLower(strings.Join([]string{c.Protocol, c.TLS, c.Mode, c.Client}, "_")))
}

// Plain says whether the case needs a server that takes sessions without TLS.
func (c Case) Plain() bool { return c.TLS == "none" }

// Missing returns the name of the program that the case needs and that is not
// installed, or "".
func (c Case) Missing() string {
	if _, err := exec.LookPath(c.program); err != nil {
		return c.program
	}
	return ""
}

// Result is one transfer.
type Result struct {
	Case      Case
	Direction string // up or down
	Bytes     int64
	Duration  time.Duration
	SHA256    string // of what arrived
	Err       error
}

// MBps is the speed in megabytes per second, the program's start and login
// included.
func (r Result) MBps() float64 { return float64(r.Bytes) / 1e6 / r.Duration.Seconds() }

// Run uploads the local file and downloads it again, in dir, and compares.
// The name of the file on the server is the case's own.
func (c Case) Run(ctx context.Context, t Target, run Runner, local, dir string) []Result {
	remote := c.Name() + ".bin"
	back := filepath.Join(dir, remote)
	defer os.Remove(back)
	want, size, err := sum(local)
	if err != nil {
		return []Result{{Case: c, Direction: "up", Err: err}}
	}
	up := c.step(ctx, run, "up", size, c.upload(t, local, remote))
	if up.Err != nil {
		return []Result{up}
	}
	down := c.step(ctx, run, "down", size, c.download(t, remote, back))
	if down.Err == nil {
		down.SHA256, down.Bytes, down.Err = sum(back)
	}
	if down.Err == nil && down.SHA256 != want {
		down.Err = fmt.Errorf("what came back is not what was sent: %d bytes of %d, SHA-256 %s, want %s", down.Bytes, size, down.SHA256, want)
	}
	if down.Err == nil {
		up.SHA256 = down.SHA256 // what was stored has been read back
	}
	return []Result{up, down}
}

func (c Case) step(ctx context.Context, run Runner, direction string, size int64, cmd command) Result {
	r := Result{Case: c, Direction: direction, Bytes: size}
	p := run(ctx, cmd.argv[0], cmd.argv[1:]...)
	p.Stdin = strings.NewReader(cmd.stdin)
	p.Env = append(append(os.Environ(), "HOME=/nonexistent", "LC_ALL=C.UTF-8"), cmd.env...)
	start := time.Now()
	out, err := p.CombinedOutput()
	r.Duration = time.Since(start)
	if err != nil {
		r.Err = fmt.Errorf("%s: %w\n%s", cmd.argv[0], err, tail(out))
	}
	return r
}

func tail(b []byte) string {
	s := strings.TrimSpace(string(b))
	if len(s) > 2000 {
		s = "…" + s[len(s)-2000:]
	}
	return s
}

// sum returns the SHA-256 and the size of a file.
func sum(name string) (string, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, err
}
