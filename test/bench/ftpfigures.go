package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

const (
	parallel   = 32
	smallFiles = 500
	smallSize  = 4 << 10
)

// ftpDownload moves the size of a large file over n sessions at once.
func ftpDownload(n int, secure bool) workload {
	return func(ctx context.Context, b *bench, s *server) (work, error) {
		size := b.size / int64(n)
		name := fmt.Sprintf("file-%d", size)
		if err := b.makeFile(name, size); err != nil {
			return work{}, err
		}
		sessions, err := logins(s, n, secure)
		defer quitAll(sessions)
		if err != nil {
			return work{}, err
		}
		return s.work(b.size, n, func(i int) error { return sessions[i].download(name, size) })
	}
}

// ftpUpload does the same in the other direction.
func ftpUpload(n int, secure bool) workload {
	return func(ctx context.Context, b *bench, s *server) (work, error) {
		size := b.size / int64(n)
		sessions, err := logins(s, n, secure)
		defer quitAll(sessions)
		if err != nil {
			return work{}, err
		}
		defer b.removeUploads()
		uploads := make([]*upload, n)
		defer func() {
			for _, u := range uploads {
				if u != nil {
					u.close()
				}
			}
		}()
		for i := range uploads {
			if uploads[i], err = sessions[i].prepare(fmt.Sprintf("upload-%d", i), size); err != nil {
				return work{}, err
			}
		}
		w, err := s.work(b.size, n, func(i int) error { return uploads[i].finish() })
		if err != nil {
			return work{}, err
		}
		return w, b.checkUploads(n, size)
	}
}

func logins(s *server, n int, secure bool) ([]*ftpSession, error) {
	sessions := make([]*ftpSession, n)
	var g errgroup.Group
	g.SetLimit(8)
	for i := range sessions {
		g.Go(func() (err error) {
			sessions[i], err = login(s.ftp, secure)
			return err
		})
	}
	return sessions, g.Wait()
}

func quitAll(sessions []*ftpSession) {
	var g errgroup.Group
	g.SetLimit(8)
	for _, s := range sessions {
		if s != nil {
			g.Go(func() error {
				s.quit()
				return nil
			})
		}
	}
	g.Wait()
}

func (b *bench) checkUploads(n int, size int64) error {
	for i := range n {
		info, err := os.Stat(filepath.Join(b.files, fmt.Sprintf("upload-%d", i)))
		if err != nil {
			return err
		}
		if info.Size() != size {
			return fmt.Errorf("an upload of %d bytes became %d", size, info.Size())
		}
	}
	return nil
}

func (b *bench) removeUploads() {
	names, _ := filepath.Glob(filepath.Join(b.files, "upload-*"))
	for _, name := range names {
		os.RemoveAll(name)
	}
}

// ftpSmallFiles uploads and downloads many small files in one session.
func ftpSmallFiles(secure bool) workload {
	return func(ctx context.Context, b *bench, s *server) (work, error) {
		session, err := login(s.ftp, secure)
		if err != nil {
			return work{}, err
		}
		defer session.quit()
		defer b.removeUploads()
		content := make([]byte, smallSize)
		return s.work(2*smallFiles, 1, func(int) error {
			for i := range smallFiles {
				if err := session.uploadSmall(fmt.Sprintf("upload-%d", i), content); err != nil {
					return err
				}
			}
			for i := range smallFiles {
				if err := session.downloadSmall(fmt.Sprintf("upload-%d", i), smallSize); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// uploadSmall ends a file as clients do: over TLS with close_notify, and in
// either case without waiting for the server's.
func (s *ftpSession) uploadSmall(name string, content []byte) error {
	raw, secure, err := s.start("STOR "+name, plainly)
	if err != nil {
		return err
	}
	defer raw.Close()
	var conn interface {
		io.Writer
		CloseWrite() error
	} = raw
	if secure != nil {
		conn = secure
	}
	if _, err := conn.Write(content); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if secure != nil {
		raw.CloseWrite()
	}
	_, err = s.reply(2)
	return err
}

// downloadSmall decrypts what it gets, which costs little with a small file,
// and so sees at once that it ends.
func (s *ftpSession) downloadSmall(name string, size int64) error {
	raw, secure, err := s.start("RETR "+name, plainly)
	if err != nil {
		return err
	}
	defer raw.Close()
	var conn net.Conn = raw
	if secure != nil {
		conn = secure
	}
	n, err := io.Copy(io.Discard, conn)
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("%d of %d bytes came", n, size)
	}
	conn.Close() // with close_notify
	_, err = s.reply(2)
	return err
}

// ftpLogins counts sessions from connect to QUIT, four at a time.
func ftpLogins(ctx context.Context, b *bench, s *server) (work, error) {
	const workers, each = 4, 100
	return s.work(workers*each, workers, func(int) error {
		for range each {
			session, err := login(s.ftp, false)
			if err != nil {
				return err
			}
			session.quit()
		}
		return nil
	})
}
