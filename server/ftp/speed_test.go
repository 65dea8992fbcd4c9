package ftp_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

// watchedBackend counts the reads and writes of files that do not happen in the
// kernel.
type watchedBackend struct {
	home
	calls *atomic.Int64
}

type watchedSession struct {
	home
	calls *atomic.Int64
}

type watchedFile struct {
	*os.File
	calls *atomic.Int64
}

func (b watchedBackend) Login(context.Context, *ftp.Conn, string, string) (ftp.Session, error) {
	return watchedSession{b.home, b.calls}, nil
}

func (s watchedSession) OpenFile(ctx context.Context, name string, flag int) (ftp.File, error) {
	f, err := s.home.OpenFile(ctx, name, flag)
	if err != nil {
		return nil, err
	}
	return watchedFile{f.(*os.File), s.calls}, nil
}

func (f watchedFile) OSFile() *os.File { return f.File }

func (f watchedFile) Read(p []byte) (int, error) {
	f.calls.Add(1)
	return f.File.Read(p)
}

func (f watchedFile) Write(p []byte) (int, error) {
	f.calls.Add(1)
	return f.File.Write(p)
}

func TestPlainDownloadsOfFilesStayInTheKernel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var calls atomic.Int64
	ts := serve(t, plain, func(s *ftp.Options) {
		s.Backend = watchedBackend{onDisk(t, dir), &calls}
		s.Limits.DownloadRate = 1 << 30 // rates do not cost the fast path
	})
	data := make([]byte, 9<<20+7)
	for i := range data {
		data[i] = byte(i * i >> 8)
	}
	c := ts.login()
	c.put("STOR f", data)
	calls.Store(0)
	if got := c.get("RETR f"); string(got) != string(data) {
		t.Error("the file came back different")
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("%d reads went through the process", n)
	}
	c.put("APPE f", data[:100])
	if info, err := os.Stat(filepath.Join(dir, "f")); err != nil || info.Size() != int64(len(data)+100) {
		t.Errorf("%v %v", info, err)
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("a small append was written in %d pieces", n)
	}
	c.command("TYPE A", "200 ...")
	c.get("RETR f")
	if calls.Load() == 0 {
		t.Error("a translated transfer cannot stay in the kernel")
	}
}

func TestAnIdleSessionIsOneGoroutineAndLittleMemory(t *testing.T) {
	// Not parallel: it counts what the process has.
	ts := serve(t, plain, nil)
	measure := func() (goroutines int, memory uint64) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), m.HeapInuse + m.StackInuse
	}
	ts.login()
	const n = 300
	before, memBefore := measure()
	for range n {
		ts.login()
	}
	after, memAfter := measure()
	if extra := after - before; extra > n+5 {
		t.Errorf("%d goroutines for %d sessions", extra, n)
	}
	// The client's side is in here too, with 4 KiB for its reader alone.
	if each := (int64(memAfter) - int64(memBefore)) / n; each > 24<<10 {
		t.Errorf("%d bytes for each session", each)
	} else {
		t.Logf("%d bytes for each session and its client", each)
	}
}

// BenchmarkTransfer moves a MiB per operation, within one transfer.
func BenchmarkTransfer(b *testing.B) {
	for _, mode := range []struct {
		name string
		tls  bool
	}{{"plain", false}, {"tls", true}} {
		b.Run("download/"+mode.name, func(b *testing.B) { benchmark(b, mode.tls, true) })
		b.Run("upload/"+mode.name, func(b *testing.B) { benchmark(b, mode.tls, false) })
	}
}

func benchmark(b *testing.B, protected, download bool) {
	const mib = 1 << 20
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o644); err != nil {
		b.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "f"), int64(b.N)*mib); err != nil {
		b.Fatal(err)
	}
	srv := ftp.New(ftp.Options{Backend: onDisk(b, dir), TLSConfig: ftp.StaticTLS(serverTLS())})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go srv.Serve(ln, plain)
	defer srv.Close()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	d := newDialogue(conn)
	config := clientTLS(0)
	steps := []string{"", "USER u", "PASS p", "TYPE I"}
	if protected {
		steps = []string{"", "AUTH TLS", "\x00", "USER u", "PASS p", "TYPE I", "PBSZ 0", "PROT P"}
	}
	for _, step := range steps {
		if step == "\x00" {
			if d, err = d.protect(conn, config); err != nil {
				b.Fatal(err)
			}
			continue
		}
		if err := d.step(step); err != nil {
			b.Fatal(err)
		}
	}
	data, err := d.data("127.0.0.1")
	if err != nil {
		b.Fatal(err)
	}
	defer data.Close()
	verb := "STOR g"
	if download {
		verb = "RETR f"
	}
	b.SetBytes(mib)
	b.ReportAllocs()
	b.ResetTimer()
	if err := d.step(verb); err != nil {
		b.Fatal(err)
	}
	var rw io.ReadWriteCloser = data
	if protected {
		rw = protectConn(data, config)
	}
	block := make([]byte, mib)
	if download {
		for {
			if _, err = rw.Read(block); err != nil {
				break
			}
		}
	} else {
		for range b.N {
			if _, err := rw.Write(block); err != nil {
				b.Fatal(err)
			}
		}
		rw.Close()
	}
	if err := d.step(""); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
}

// BenchmarkSmallFile is a download of 4 KiB, with all that belongs to it.
func BenchmarkSmallFile(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), make([]byte, 4096), 0o644); err != nil {
		b.Fatal(err)
	}
	srv := ftp.New(ftp.Options{Backend: onDisk(b, dir), Passive: passive.NewPool(passive.Options{First: 45000, Last: 45009})})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go srv.Serve(ln, plain)
	defer srv.Close()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	d := newDialogue(conn)
	for _, step := range []string{"", "USER u", "PASS p", "TYPE I"} {
		if err := d.step(step); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		data, err := d.data("127.0.0.1")
		if err != nil {
			b.Fatal(err)
		}
		if err := d.step("RETR f"); err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, data); n != 4096 || err != nil {
			b.Fatal(n, err)
		}
		data.Close()
		if err := d.step(""); err != nil {
			b.Fatal(err)
		}
	}
}
