package ftp

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestSmallFilesAreReadAtOnceOnlyFromMemory(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, make([]byte, 50_000), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(name, &fs); err != nil {
		t.Fatal(err)
	}
	want := diskKinds[int64(fs.Type)]
	if want == unknownDisk {
		t.Skipf("the file system is of kind %x", fs.Type)
	}
	for deadline := time.Now().Add(10 * time.Second); diskOf(f) != want; {
		if time.Now().After(deadline) {
			t.Fatalf("its kind is %d, not %d", diskOf(f), want)
		}
		time.Sleep(time.Millisecond)
	}
	if !canReadNow(f, 0, 50_000) || !canReadNow(f, 49_999, 1) || !canReadNow(f, 50_000, 0) {
		t.Error("what was just written is not in memory")
	}
	if want == localDisk && canReadNow(f, 0, 50_001) {
		t.Error("what is not there is in memory")
	}
	if !canWriteNow(f) {
		t.Error("it cannot be written to")
	}
	// /proc stands for what a process or a server has to answer.
	p, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range 100 {
		if canReadNow(p, 0, 10) || canWriteNow(p) {
			t.Fatal("whatever has to be asked for is used at once")
		}
		time.Sleep(100 * time.Microsecond)
	}
}
