package move

import (
	"net"
	"syscall"
	"testing"
	"time"
)

func TestDownloadsOfPlainFilesTakeTheWayThroughTheKernel(t *testing.T) {
	t.Parallel()
	conn, _ := connected(t)
	f, c := fileOf(t, nil), New(conn, &Buffers{})
	if m, ok := Download(t.Context(), c, f, NewTurns()).(*attempt); !ok {
		t.Error("a download does not")
	} else if _, ok := m.Mover.(*sendfile); !ok {
		t.Errorf("a download is sent by a %T", m.Mover)
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
