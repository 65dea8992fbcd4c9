package ftp

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// splicePair returns a splicer into a file that is opened with these flags.
func splicePair(t *testing.T, flags int) (sp *splicer, send func([]byte), closeWrite func(), content func() []byte) {
	t.Helper()
	q, peer := quietPair(t)
	name := filepath.Join(t.TempDir(), "f")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|flags, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if sp = splice(q, f); sp == nil {
		t.Fatal("there is no splicer")
	}
	t.Cleanup(sp.close)
	q.SetDeadline(time.Now().Add(20 * time.Second))
	send = func(p []byte) {
		if _, err := peer.Write(p); err != nil {
			t.Error(err)
		}
	}
	content = func() []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return sp, send, func() { peer.CloseWrite() }, content
}

func TestASplicerMovesWhatItIsAskedFor(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string]int{
		"into a file":                       0,
		"into a file that does not take it": os.O_APPEND, // see splice(2)
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sp, send, closeWrite, content := splicePair(t, flags)
			data := make([]byte, 5<<20+17)
			_, _ = rand.NewChaCha8([32]byte{}).Read(data)
			go func() {
				send(data)
				closeWrite()
			}()
			for _, size := range []int64{1, 3 << 20, 0, 1 << 20} {
				if n, err := sp.move(size); n != size || err != nil {
					t.Fatalf("%d bytes of %d were moved, %v", n, size, err)
				}
			}
			if n, err := sp.move(4 << 20); n != 1<<20+16 || err != nil {
				t.Errorf("%d bytes were moved in the end, %v", n, err)
			}
			if n, err := sp.move(4 << 20); n != 0 || err != nil {
				t.Errorf("%d bytes were moved after the end, %v", n, err)
			}
			if !bytes.Equal(content(), data) {
				t.Error("the file differs")
			}
		})
	}
}

func TestASplicerKeepsNothingBackThatComesSlowly(t *testing.T) {
	t.Parallel()
	sp, send, _, content := splicePair(t, 0)
	send([]byte("slow"))
	var moved int64
	for range 2 { // after the first deadline, it does not wait for more
		sp.conn.SetDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := sp.move(4 << 20)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%d bytes were moved, %v", n, err)
		}
		moved += n
	}
	if moved != 4 || string(content()) != "slow" {
		t.Errorf("%d bytes were moved", moved)
	}
}

func TestASplicerTellsTheFilesErrorsFromTheConnections(t *testing.T) {
	t.Parallel()
	sp, send, _, _ := splicePair(t, 0)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	sp.to = full
	send([]byte("data"))
	var ofConn *dataError
	if n, err := sp.move(10); n != 0 || !errors.Is(err, syscall.ENOSPC) || errors.As(err, &ofConn) {
		t.Errorf("with the disk full: %d bytes were moved, %v", n, err)
	}
	sp.conn.Close()
	if _, err := sp.move(10); !errors.As(err, &ofConn) {
		t.Errorf("with the connection closed: %v", err)
	}
}
