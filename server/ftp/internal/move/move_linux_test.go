package move

import (
	"bytes"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestPlainFilesTakeTheWayThroughTheKernel(t *testing.T) {
	t.Parallel()
	conn, _ := connected(t)
	f, c := fileOf(t, nil), New(conn, &Buffers{})
	if m, ok := Download(t.Context(), c, f, &Turns{}).(*attempt); !ok {
		t.Error("a download does not")
	} else if _, ok := m.Mover.(*sendfile); !ok {
		t.Errorf("a download is sent by a %T", m.Mover)
	}
	m := Upload(f, c)
	defer m.Close()
	if _, ok := m.(*splice); !ok {
		t.Errorf("an upload is received by a %T", m)
	}
}

func TestASpliceKeepsNothingBackThatComesSlowly(t *testing.T) {
	t.Parallel()
	conn, peer := connected(t)
	f := fileOf(t, nil)
	m := Upload(f, New(conn, &Buffers{}))
	defer m.Close()
	peer.Write([]byte("slow"))
	moved := 0
	for end := inMoments(); moved < 4 && time.Now().Before(end); { // after the first deadline, it does not wait for more
		n, err := m.Move(4<<20, time.Now().Add(100*time.Millisecond))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%d bytes were moved, %v", n, err)
		}
		moved += n
	}
	if moved != 4 || string(contentOf(t, f)) != "slow" {
		t.Errorf("%d bytes were moved", moved)
	}
}

func TestASpliceCopiesIntoAFileThatDoesNotTakeIt(t *testing.T) {
	t.Parallel()
	conn, peer := connected(t)
	data, f := random(3<<20), fileOf(t, nil)
	appended, err := os.OpenFile(f.Name(), os.O_WRONLY|os.O_APPEND, 0) // see splice(2)
	if err != nil {
		t.Fatal(err)
	}
	defer appended.Close()
	go func() {
		peer.Write(data)
		peer.CloseWrite()
	}()
	if n, err := all(Upload(appended, New(conn, &Buffers{})), 1<<20); n != len(data) || err != nil || !bytes.Equal(contentOf(t, f), data) {
		t.Errorf("%d bytes were moved, %v", n, err)
	}
}

func TestASpliceTellsTheFilesErrorsFromTheConnections(t *testing.T) {
	t.Parallel()
	conn, peer := connected(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	m := Upload(full, New(conn, &Buffers{}))
	defer m.Close()
	peer.Write([]byte("data"))
	peer.CloseWrite()
	var ofConn *ConnError
	if n, err := m.Move(10, inMoments()); n != 0 || !errors.Is(err, syscall.ENOSPC) || errors.As(err, &ofConn) {
		t.Errorf("with the disk full: %d bytes were moved, %v", n, err)
	}
	conn.Close()
	if _, err := m.Move(10, inMoments()); !errors.As(err, &ofConn) {
		t.Errorf("with the connection closed: %v", err)
	}
}

func TestTheEndOfAConnectionIsSeenBeforeItIsRead(t *testing.T) {
	t.Parallel()
	for want, end := range map[Presence]func(peer *net.TCPConn){
		Present:    func(*net.TCPConn) {},
		Speaking:   func(peer *net.TCPConn) { peer.Write([]byte("x")) },
		HalfClosed: func(peer *net.TCPConn) { peer.CloseWrite() },
		Reset: func(peer *net.TCPConn) {
			peer.SetLinger(0)
			peer.Close()
		},
	} {
		conn, peer := connected(t)
		end(peer)
		for deadline := inMoments(); Look(conn) != want; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("it is %d, not %d", Look(conn), want)
			}
		}
		if got := Look(wrappedConn{conn}); got != want {
			t.Errorf("through a wrapper it is %d, not %d", got, want)
		}
		conn.Close()
		if got := Look(conn); got != Reset {
			t.Errorf("once closed it is %d", got)
		}
	}
}

type wrappedConn struct{ net.Conn }

func (c wrappedConn) NetConn() net.Conn { return c.Conn }

// A client with Nagle's algorithm waits for the acknowledgement of what it has sent of
// its handshake, which the system delays on a connection that has answered before.
func TestAHandshakeIsAcknowledgedAtOnce(t *testing.T) {
	t.Parallel()
	conn, _ := connected(t)
	at := func(handshaken bool) (now int) {
		b := &batch{Conn: conn, handshaken: handshaken}
		option(t, conn, func(fd int) error { return syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 0) })
		if _, err := b.Write([]byte("flight")); err != nil {
			t.Fatal(err)
		}
		option(t, conn, func(fd int) (err error) {
			now, err = syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_QUICKACK)
			return err
		})
		return now
	}
	if at(false) != 1 || at(true) != 0 {
		t.Errorf("within a handshake %d, later %d", at(false), at(true))
	}
}

func option(t *testing.T, conn *net.TCPConn, f func(fd int) error) {
	t.Helper()
	rc, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if cerr := rc.Control(func(fd uintptr) { err = f(int(fd)) }); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
}
