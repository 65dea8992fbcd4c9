package ftp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// quietPair returns a quiet connection and its peer.
func quietPair(t *testing.T) (*quietConn, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peer, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	q, ok := quiet(conn).(*quietConn)
	if !ok {
		t.Fatal("it is not quiet")
	}
	t.Cleanup(func() {
		q.Close()
		peer.Close()
	})
	if q.LocalAddr().String() != peer.RemoteAddr().String() || q.RemoteAddr().String() != peer.LocalAddr().String() {
		t.Errorf("it is between %s and %s", q.LocalAddr(), q.RemoteAddr())
	}
	return q, peer.(*net.TCPConn)
}

func TestAQuietConnectionReceivesAllThatComes(t *testing.T) {
	t.Parallel()
	q, peer := quietPair(t)
	var sent, got bytes.Buffer
	answers := make(chan byte)
	go func() {
		defer close(answers)
		b := make([]byte, 1)
		for {
			if _, err := io.ReadFull(peer, b); err != nil {
				return
			}
			answers <- b[0]
		}
	}()
	read := func(upTo int) {
		t.Helper()
		for b := make([]byte, 1000); got.Len() < upTo; {
			n, err := q.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			got.Write(b[:n])
		}
	}
	for i := range 2000 {
		p := bytes.Repeat([]byte{byte(i)}, 1+i*37%3000)
		sent.Write(p)
		switch i % 4 {
		case 0: // it is there when it is waited for
			peer.Write(p)
		case 1: // it comes while it is waited for
			go peer.Write(p)
		case 2: // a wait ends before it comes
			q.SetReadDeadline(time.Now().Add(time.Microsecond))
			if _, err := q.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			q.SetReadDeadline(time.Time{})
			go peer.Write(p)
		case 3: // it comes in two
			half := len(p) / 2
			peer.Write(p[:half])
			read(got.Len() + half)
			go peer.Write(p[half:])
		}
		read(sent.Len())
		if i%10 == 0 { // and the peer gets an answer
			if n, err := q.Write([]byte{byte(i)}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			if b := <-answers; b != byte(i) {
				t.Fatalf("%d came instead of %d", b, byte(i))
			}
		}
	}
	peer.CloseWrite()
	if n, err := q.Read(make([]byte, 10)); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if !bytes.Equal(sent.Bytes(), got.Bytes()) {
		t.Errorf("%d bytes were sent, and %d, or others, received", sent.Len(), got.Len())
	}
	if err := q.CloseWrite(); err != nil {
		t.Error(err)
	}
	if b, open := <-answers; open {
		t.Errorf("%d came after the end", b)
	}
}

func TestClosingAQuietConnectionEndsAWaitForIt(t *testing.T) {
	t.Parallel()
	q, peer := quietPair(t)
	ended := make(chan error)
	go func() {
		_, err := q.Read(make([]byte, 10))
		ended <- err
	}()
	peer.Write([]byte("x"))
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := q.Read(make([]byte, 10))
		ended <- err
	}()
	q.Close()
	q.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the wait ended with %v", err)
	}
	if _, err := q.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a write ended with %v", err)
	}
	if n, err := peer.Read(make([]byte, 10)); err == nil {
		t.Errorf("the peer read %d bytes", n)
	}
}

func TestAQuietConnectionWaitsUntilItsPeerReads(t *testing.T) {
	t.Parallel()
	q, peer := quietPair(t)
	data := make([]byte, 64<<20)
	q.SetDeadline(time.Now().Add(500 * time.Millisecond))
	sent, err := q.Write(data)
	if !errors.Is(err, os.ErrDeadlineExceeded) || sent == 0 || sent == len(data) {
		t.Fatalf("%d bytes were sent, %v", sent, err)
	}
	q.SetDeadline(time.Time{})
	got := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, peer)
		got <- n
	}()
	if n, err := q.Write(data[sent:]); n != len(data)-sent || err != nil {
		t.Errorf("%d bytes more were sent, %v", n, err)
	}
	q.Close()
	if n := <-got; n != int64(len(data)) {
		t.Errorf("%d bytes came", n)
	}
}
