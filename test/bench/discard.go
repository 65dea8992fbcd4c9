package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// scratch is where discarded data would go; the kernel never writes to it.
var scratch = make([]byte, 4<<20)

// discard reads a connection to its end without copying the data: the kernel
// drops it. It wants at least size bytes. TLS is not decrypted either: that
// would measure this client. Once size bytes have come and nothing follows,
// stalled is called, for there are servers that do not close before the client.
func discard(conn *net.TCPConn, size int64, stalled func()) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var total int64
	for {
		var n int
		var rerr error
		err := raw.Read(func(fd uintptr) bool {
			n, _, rerr = unix.Recvfrom(int(fd), scratch, unix.MSG_TRUNC|unix.MSG_DONTWAIT)
			return rerr != unix.EAGAIN && rerr != unix.EINTR
		})
		if errors.Is(err, os.ErrDeadlineExceeded) && total >= size && stalled != nil {
			stalled()
			stalled = nil
			conn.SetReadDeadline(time.Now().Add(patience))
			continue
		}
		switch err := errors.Join(err, rerr); {
		case err != nil:
			return fmt.Errorf("after %d bytes: %w", total, err)
		case n == 0 && total < size:
			return fmt.Errorf("the connection ended after %d of %d bytes", total, size)
		case n == 0:
			return nil
		}
		total += int64(n)
		if total >= size && stalled != nil {
			conn.SetReadDeadline(time.Now().Add(3 * time.Millisecond))
		}
	}
}

// download gets a file and throws it away.
func (s *ftpSession) download(name string, size int64) error {
	raw, secure, err := s.start("RETR "+name, plainly)
	if err != nil {
		return err
	}
	defer raw.Close()
	var stalled func()
	if secure != nil {
		stalled = func() { secure.CloseWrite() }
	}
	if err := discard(raw, size, stalled); err != nil {
		return err
	}
	if stalled != nil {
		secure.CloseWrite()
	}
	raw.Close()
	_, err = s.reply(2)
	return err
}

// parcel is what an upload sends, kept in the kernel's memory so that sending
// it copies nothing.
type parcel struct {
	*os.File
	size   int64
	repeat int // how often it is sent
}

// newParcel returns an empty one.
func newParcel() (*parcel, error) {
	fd, err := unix.MemfdCreate("parcel", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &parcel{os.NewFile(uintptr(fd), "parcel"), 0, 1}, nil
}

// Write appends.
func (p *parcel) Write(b []byte) (int, error) {
	n, err := p.File.Write(b)
	p.size += int64(n)
	return n, err
}

// sendTo sends it.
func (p *parcel) sendTo(conn *net.TCPConn) error {
	for range p.repeat {
		if _, err := p.Seek(0, 0); err != nil {
			return err
		}
		if n, err := conn.ReadFrom(p.File); err != nil || n != p.size { // sendfile
			return fmt.Errorf("%d of %d bytes sent: %w", n, p.size, err)
		}
	}
	return nil
}

// sealing is a connection whose writes can be kept for later.
type sealing struct {
	net.Conn
	into *parcel // nil: they are sent
}

func (s *sealing) Write(b []byte) (int, error) {
	if s.into != nil {
		return s.into.Write(b)
	}
	return s.Conn.Write(b)
}

// upload is an upload that is ready to be sent.
type upload struct {
	session *ftpSession
	conn    *net.TCPConn
	data    *parcel
}

// prepare begins an upload. With TLS all of it is encrypted now, so that
// sending it costs this client no more than without.
func (s *ftpSession) prepare(name string, size int64) (*upload, error) {
	seal := &sealing{}
	raw, secure, err := s.start("STOR "+name, func(c net.Conn) net.Conn { seal.Conn = c; return seal })
	if err != nil {
		return nil, err
	}
	data, err := newParcel()
	if err == nil {
		err = data.fill(secure, seal, size)
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	raw.SetDeadline(time.Now().Add(patience)) // close_notify leaves one that has passed
	return &upload{s, raw, data}, nil
}

func (p *parcel) fill(secure *tls.Conn, seal *sealing, size int64) error {
	block := make([]byte, min(size, 16<<20))
	if secure == nil {
		p.repeat = int(size / int64(len(block)))
		_, err := p.Write(block)
		return err
	}
	seal.into = p
	for left := size; left > 0; left -= int64(len(block)) {
		if _, err := secure.Write(block[:min(left, int64(len(block)))]); err != nil {
			return err
		}
	}
	return secure.CloseWrite()
}

// finish sends the data and waits until the server has it.
func (u *upload) finish() error {
	defer u.close()
	if err := u.data.sendTo(u.conn); err != nil {
		return err
	}
	if err := u.conn.CloseWrite(); err != nil {
		return err
	}
	_, err := u.session.reply(2)
	return err
}

func (u *upload) close() {
	u.conn.Close()
	u.data.Close()
}
