package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	sftpParallel     = 8
	sftpIdleSessions = 300
	sftpSmallFiles   = 300
	roundTrip        = 50 * time.Millisecond
	// distantShare of a large file is what the distant figures move: they are
	// as slow as the distance makes them.
	distantShare = 8
)

// sftpFigures are those of SFTP. Transfers are OpenSSH's client's.
func sftpFigures() []figure {
	const mb = "MB/s"
	return []figure{
		{name: "sftp_get", goal: 1, unit: mb, products: sftpProducts, measure: sftpMove(1, get)},
		{name: "sftp_put", goal: 1, unit: mb, products: sftpProducts, measure: sftpMove(1, put)},
		{name: "sftp_parallel_get", goal: 1.2, unit: mb, products: sftpProducts, measure: sftpMove(sftpParallel, get)},
		{name: "sftp_parallel_put", goal: 1.2, unit: mb, products: sftpProducts, measure: sftpMove(sftpParallel, put)},
		{name: "sftp_small_files", goal: 1, unit: "files/s", products: sftpProducts, measure: sftpSmall},
		{name: "sftp_idle_memory", goal: 10, unit: "KiB/session", less: true, fresh: true, products: sftpProducts, measure: sftpIdleMemory},
		{name: "sftp_logins", goal: 1.5, unit: "logins/s", products: sftpProducts, measure: sftpLogins},
		{name: "sftp_get_50ms", goal: 1, unit: mb, products: sftpProducts, measure: sftpDistant(get)},
		{name: "sftp_put_50ms", goal: 1, unit: mb, products: sftpProducts, measure: sftpDistant(put)},
	}
}

// A direction is a batch for the i-th client, which moves a file of a name.
type direction func(b *bench, name string, i int) string

func get(_ *bench, name string, _ int) string { return "get " + name + " /dev/null\n" }

func put(b *bench, name string, i int) string {
	return fmt.Sprintf("put %s upload-%d\n", filepath.Join(b.files, name), i)
}

// sftpMove moves the size of a large file with n clients at once.
func sftpMove(n int, d direction) func(context.Context, *bench, *server) (float64, error) {
	return func(ctx context.Context, b *bench, s *server) (float64, error) {
		return b.sftpRate(ctx, s.sftp, b.size, n, d)
	}
}

// sftpDistant moves a file to or from a server that is far away.
func sftpDistant(d direction) func(context.Context, *bench, *server) (float64, error) {
	return func(ctx context.Context, b *bench, s *server) (float64, error) {
		r, err := newRelay(s.sftp, roundTrip/2)
		if err != nil {
			return 0, err
		}
		defer r.Close()
		return b.sftpRate(ctx, r.Addr().String(), b.size/distantShare, 1, d)
	}
}

func (b *bench) sftpRate(ctx context.Context, addr string, total int64, n int, d direction) (float64, error) {
	size := total / int64(n)
	name := fmt.Sprintf("file-%d", size)
	if err := b.makeFile(name, size); err != nil {
		return 0, err
	}
	defer b.removeUploads()
	took, err := together(n, func(i int) error { return b.sftp(ctx, addr, d(b, name, i)) })
	return float64(total) / 1e6 / took.Seconds(), err
}

// sftp runs OpenSSH's client with a batch of commands.
func (b *bench) sftp(ctx context.Context, addr, batch string) error {
	host, port, _ := strings.Cut(addr, ":")
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sftp", "-q", "-F", "/dev/null", "-b", "-", "-c", b.cipher, "-i", b.path("id"), "-P", port,
		"-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", account+"@"+host)
	cmd.Stdin = strings.NewReader(batch)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sftp: %w: %.300s", err, out)
	}
	return nil
}

// sftpSmall uploads a folder of small files and downloads it.
func sftpSmall(ctx context.Context, b *bench, s *server) (float64, error) {
	from, to := b.path("small"), b.path("small-back")
	if err := os.MkdirAll(from, 0o755); err != nil {
		return 0, err
	}
	for i := range sftpSmallFiles {
		if err := os.WriteFile(filepath.Join(from, fmt.Sprint(i)), make([]byte, smallSize), 0o600); err != nil {
			return 0, err
		}
	}
	defer b.removeUploads()
	defer os.RemoveAll(to)
	batch := fmt.Sprintf("mkdir upload-folder\nput %s/* upload-folder/\nlmkdir %s\nget upload-folder/* %s/\n", from, to, to)
	took, err := together(1, func(int) error { return b.sftp(ctx, s.sftp, batch) })
	return 2 * sftpSmallFiles / took.Seconds(), err
}

// sftpIdleMemory is what a session takes that has begun SFTP and does nothing.
func sftpIdleMemory(ctx context.Context, b *bench, s *server) (float64, error) {
	return s.memoryOf(sftpIdleSessions, func() (func(), error) {
		sessions := make([]*sshSession, sftpIdleSessions)
		var g errgroup.Group
		g.SetLimit(4)
		for i := range sessions {
			g.Go(func() (err error) {
				sessions[i], err = b.openSSH(s.sftp)
				return err
			})
		}
		err := g.Wait()
		return func() {
			for _, s := range sessions {
				if s != nil {
					s.Close()
				}
			}
		}, err
	})
}

// sftpLogins counts sessions that begin SFTP and end, four at a time.
func sftpLogins(ctx context.Context, b *bench, s *server) (float64, error) {
	const workers, each = 4, 25
	took, err := together(workers, func(int) error {
		for range each {
			session, err := b.openSSH(s.sftp)
			if err != nil {
				return err
			}
			session.Close()
		}
		return nil
	})
	return workers * each / took.Seconds(), err
}
