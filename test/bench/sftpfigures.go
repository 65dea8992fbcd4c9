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

// A direction is a batch for the i-th client, which moves a file of a name.
type direction func(b *bench, name string, i int) string

func get(_ *bench, name string, _ int) string { return "get " + name + " /dev/null\n" }

func put(b *bench, name string, i int) string {
	return fmt.Sprintf("put %s upload-%d\n", filepath.Join(b.files, name), i)
}

// sftpMove moves the size of a large file with n clients at once.
func sftpMove(n int, d direction) workload {
	return func(ctx context.Context, b *bench, s *server) (work, error) {
		return b.sftpMove(ctx, s, s.sftp, b.size, n, d)
	}
}

// sftpDistant moves a file to or from a server that is far away.
func sftpDistant(d direction) workload {
	return func(ctx context.Context, b *bench, s *server) (work, error) {
		r, err := newRelay(s.sftp, roundTrip/2)
		if err != nil {
			return work{}, err
		}
		defer r.Close()
		return b.sftpMove(ctx, s, r.Addr().String(), b.size/distantShare, 1, d)
	}
}

func (b *bench) sftpMove(ctx context.Context, s *server, addr string, total int64, n int, d direction) (work, error) {
	size := total / int64(n)
	name := fmt.Sprintf("file-%d", size)
	if err := b.makeFile(name, size); err != nil {
		return work{}, err
	}
	defer b.removeUploads()
	return s.work(total, n, func(i int) error { return b.sftp(ctx, addr, d(b, name, i)) })
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
func sftpSmall(ctx context.Context, b *bench, s *server) (work, error) {
	from, to := b.path("small"), b.path("small-back")
	if err := os.MkdirAll(from, 0o755); err != nil {
		return work{}, err
	}
	for i := range sftpSmallFiles {
		if err := os.WriteFile(filepath.Join(from, fmt.Sprint(i)), make([]byte, smallSize), 0o600); err != nil {
			return work{}, err
		}
	}
	defer b.removeUploads()
	defer os.RemoveAll(to)
	batch := fmt.Sprintf("mkdir upload-folder\nput %s/* upload-folder/\nlmkdir %s\nget upload-folder/* %s/\n", from, to, to)
	return s.work(2*sftpSmallFiles, 1, func(int) error { return b.sftp(ctx, s.sftp, batch) })
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
func sftpLogins(ctx context.Context, b *bench, s *server) (work, error) {
	const workers, each = 4, 25
	return s.work(workers*each, workers, func(int) error {
		for range each {
			session, err := b.openSSH(s.sftp)
			if err != nil {
				return err
			}
			session.Close()
		}
		return nil
	})
}
