package ftp

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// lateConn sets deadlines that have passed already, a number of times.
type lateConn struct {
	*net.TCPConn
	times int
}

func (c *lateConn) SetDeadline(t time.Time) error {
	if c.times > 0 {
		c.times--
		t = time.Now().Add(-time.Second)
	}
	return c.TCPConn.SetDeadline(t)
}

func TestADeadlineThatPassesBeforeSendfileLosesNothing(t *testing.T) {
	t.Parallel()
	want := make([]byte, 1<<20)
	rand.Read(want)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, want, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn := accepted.(*net.TCPConn)
	s := &stream{
		job:    &job{ctx: context.Background()},
		data:   &dataConn{Conn: conn, raw: &lateConn{TCPConn: conn, times: 3}},
		limits: &Limits{},
	}
	sent := make(chan error, 1)
	go func() {
		err := s.zeroCopy(func(n int64) (int64, error) { return conn.ReadFrom(io.LimitReader(f, n)) }, f)
		conn.Close()
		sent <- err
	}()
	client.SetDeadline(time.Now().Add(20 * time.Second))
	got, err := io.ReadAll(client)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("received %d bytes, %v; want %d", len(got), err, len(want))
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}
