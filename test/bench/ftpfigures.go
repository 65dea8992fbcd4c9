package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	parallel   = 32
	smallFiles = 500
	smallSize  = 4 << 10
)

// ftpFigures are those of FTP, plain and over TLS.
func ftpFigures() []figure {
	const mb = "MB/s"
	limit := append([]product{ftpProducts[0]}, product{"sendfile", startBare})
	return []figure{
		{name: "ftp_download", goal: 1, unit: mb, products: ftpProducts, measure: ftpDownload(1, false)},
		{name: "ftp_upload", goal: 1, unit: mb, products: ftpProducts, measure: ftpUpload(1, false)},
		{name: "ftps_download", goal: 1.2, unit: mb, products: ftpProducts, measure: ftpDownload(1, true)},
		{name: "ftps_upload", goal: 1.2, unit: mb, products: ftpProducts, measure: ftpUpload(1, true)},
		{name: "ftp_parallel_download", goal: 1, unit: mb, products: ftpProducts, measure: ftpDownload(parallel, false)},
		{name: "ftp_parallel_upload", goal: 1, unit: mb, products: ftpProducts, measure: ftpUpload(parallel, false)},
		{name: "ftps_parallel_download", goal: 1.2, unit: mb, products: ftpProducts, measure: ftpDownload(parallel, true)},
		{name: "ftps_parallel_upload", goal: 1.2, unit: mb, products: ftpProducts, measure: ftpUpload(parallel, true)},
		{name: "ftp_small_files", goal: 1.2, unit: "files/s", products: ftpProducts, measure: ftpSmallFiles},
		{name: "ftp_logins", goal: 1, unit: "logins/s", products: ftpProducts, measure: ftpLogins},
		{name: "ftp_idle_memory", goal: 10, unit: "KiB/session", less: true, fresh: true, products: ftpProducts, measure: ftpIdleMemory},
		{name: "ftp_noop_p99", goal: 1, unit: "us", less: true, products: ftpProducts, measure: ftpNoop},
		{name: "ftp_download_limit", goal: 0.9, unit: mb, products: limit, measure: ftpDownload(1, false)},
	}
}

// ftpDownload moves the size of a large file over n sessions at once.
func ftpDownload(n int, secure bool) func(context.Context, *bench, *server) (float64, error) {
	return func(ctx context.Context, b *bench, s *server) (float64, error) {
		size := b.size / int64(n)
		name := fmt.Sprintf("file-%d", size)
		if err := b.makeFile(name, size); err != nil {
			return 0, err
		}
		if s.bare {
			return b.rate(1, func(int) error { return s.bareDownload(name, size) })
		}
		sessions, err := logins(s, n, secure)
		defer quitAll(sessions)
		if err != nil {
			return 0, err
		}
		return b.rate(n, func(i int) error { return sessions[i].download(name, size) })
	}
}

// ftpUpload does the same in the other direction.
func ftpUpload(n int, secure bool) func(context.Context, *bench, *server) (float64, error) {
	return func(ctx context.Context, b *bench, s *server) (float64, error) {
		size := b.size / int64(n)
		sessions, err := logins(s, n, secure)
		defer quitAll(sessions)
		if err != nil {
			return 0, err
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
				return 0, err
			}
		}
		rate, err := b.rate(n, func(i int) error { return uploads[i].finish() })
		if err != nil {
			return 0, err
		}
		return rate, b.checkUploads(n, size)
	}
}

// rate runs n transfers at once, which together move the size of a large file,
// and returns megabytes per second.
func (b *bench) rate(n int, transfer func(int) error) (float64, error) {
	took, err := together(n, transfer)
	return float64(b.size) / 1e6 / took.Seconds(), err
}

// together runs f n times at once and returns how long that took.
func together(n int, f func(int) error) (time.Duration, error) {
	var g errgroup.Group
	start := time.Now()
	for i := range n {
		g.Go(func() error { return f(i) })
	}
	err := g.Wait()
	return time.Since(start), err
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
func ftpSmallFiles(ctx context.Context, b *bench, s *server) (float64, error) {
	session, err := login(s.ftp, false)
	if err != nil {
		return 0, err
	}
	defer session.quit()
	defer b.removeUploads()
	content := make([]byte, smallSize)
	took, err := together(1, func(int) error {
		for i := range smallFiles {
			if err := session.uploadSmall(fmt.Sprintf("upload-%d", i), content); err != nil {
				return err
			}
		}
		for i := range smallFiles {
			if err := session.download(fmt.Sprintf("upload-%d", i), smallSize); err != nil {
				return err
			}
		}
		return nil
	})
	return 2 * smallFiles / took.Seconds(), err
}

func (s *ftpSession) uploadSmall(name string, content []byte) error {
	conn, _, err := s.start("STOR "+name, nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write(content); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	_, err = s.reply(2)
	return err
}

// ftpLogins counts sessions from connect to QUIT, four at a time.
func ftpLogins(ctx context.Context, b *bench, s *server) (float64, error) {
	const workers, each = 4, 100
	took, err := together(workers, func(int) error {
		for range each {
			session, err := login(s.ftp, false)
			if err != nil {
				return err
			}
			session.quit()
		}
		return nil
	})
	return workers * each / took.Seconds(), err
}
