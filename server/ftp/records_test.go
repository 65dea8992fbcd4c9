package ftp

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"testing/iotest"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/tlsrecord"
)

// sealedUpload is data as a client sends it over TLS 1.3, after the handshake.
type sealedUpload struct {
	data, sealed []byte
	state        tls.ConnectionState
	secret       tlsrecord.ClientSecret
}

func sealUpload(t *testing.T, size int) *sealedUpload {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	u := &sealedUpload{data: make([]byte, size)}
	rand.Read(u.data)
	a, b := net.Pipe()
	defer b.Close()
	client := tls.Client(a, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	go func() {
		defer a.Close()
		client.Write(u.data)
		client.CloseWrite()
	}()
	bulk := &bulkConn{Conn: b}
	server := tls.Server(bulk, &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		KeyLogWriter: &u.secret, SessionTicketsDisabled: true,
	})
	if err := server.Handshake(); err != nil {
		t.Fatal(err)
	}
	u.state = server.ConnectionState()
	if u.sealed, err = io.ReadAll(b); err != nil {
		t.Fatal(err)
	}
	return u
}

func (u *sealedUpload) reader(conn net.Conn) *recordReader {
	return newRecordReader(conn, tlsrecord.NewOpener(&u.state, &u.secret))
}

// closeNotify is how long the last record is.
const closeNotify = 5 + 2 + 1 + 16

// A connStub has all of r.
type connStub struct {
	net.Conn
	r io.Reader
}

func (c connStub) Read(p []byte) (int, error) { return c.r.Read(p) }

// A lateConnStub has it too, though not at once.
type lateConnStub struct {
	connStub
	waits func()
}

func (c lateConnStub) readLate(take func() []byte, giveBack func()) (int, error) {
	take()
	giveBack()
	c.waits()
	n, err := c.r.Read(take())
	if n == 0 {
		giveBack()
	}
	return n, err
}

func TestRecordsAreReadHoweverTheyCome(t *testing.T) {
	t.Parallel()
	u := sealUpload(t, inSize+inSize/4)
	for name, come := range map[string]func(io.Reader) io.Reader{
		"at once": func(r io.Reader) io.Reader { return r }, "in halves": iotest.HalfReader, "with the end": iotest.DataErrReader,
	} {
		for read, p := range map[string]int{"blocks": blockSize, "less than records": 5000, "odd lengths": 16<<10 + 1} {
			var r *recordReader
			stub := func() connStub { return connStub{r: come(bytes.NewReader(u.sealed))} }
			for _, conn := range []net.Conn{stub(), lateConnStub{stub(), func() {
				if r.holding() {
					t.Errorf("%s, %s: a large buffer is held while nothing comes", name, read)
				}
			}}} {
				r = u.reader(conn)
				got, err := readAllBy(r, p)
				if err != nil || !bytes.Equal(got, u.data) {
					t.Errorf("%s, %s: %d bytes of %d, %v", name, read, len(got), len(u.data), err)
				}
				if r.release(); r.holding() {
					t.Errorf("%s, %s: a large buffer is held in the end", name, read)
				}
			}
		}
	}
}

func readAllBy(r io.Reader, size int) (all []byte, err error) {
	p := make([]byte, size)
	for {
		n, err := r.Read(p)
		all = append(all, p[:n]...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// It takes all large buffers that there are, and so is not parallel.
func TestRecordsAreReadWithoutALargeBuffer(t *testing.T) {
	u := sealUpload(t, 1<<20)
	taken := 0
	for getIn() != nil {
		taken++
	}
	defer func() {
		for range taken {
			putIn(new([inSize]byte))
		}
	}()
	for medium := getLarge(); medium != nil; medium = getLarge() {
		defer putLarge(medium)
	}
	if taken == 0 {
		t.Error("there was none")
	}
	if used := recordBytes.used.Load(); used > 32<<20 {
		t.Errorf("%d bytes are in use", used)
	}
	r := u.reader(lateConnStub{connStub{r: bytes.NewReader(u.sealed)}, func() {}})
	if got, err := readAllBy(r, blockSize); err != nil || !bytes.Equal(got, u.data) {
		t.Errorf("%d bytes of %d, %v", len(got), len(u.data), err)
	}
}

func TestAnUploadMayEndWithoutCloseNotifyButNotWithinARecord(t *testing.T) {
	t.Parallel()
	u := sealUpload(t, 100_000)
	whole := len(u.sealed) - closeNotify
	for cut, want := range map[int]error{0: nil, closeNotify: nil, 1: errCutRecord, closeNotify + 1: errCutRecord, closeNotify - 3: errCutRecord} {
		r := u.reader(connStub{r: bytes.NewReader(u.sealed[:len(u.sealed)-cut])})
		got, err := readAllBy(r, blockSize)
		if !errors.Is(err, want) {
			t.Errorf("without the last %d bytes the error is %v, not %v", cut, err, want)
		}
		if len(u.sealed)-cut >= whole && !bytes.Equal(got, u.data) {
			t.Errorf("without the last %d bytes, %d of %d are read", cut, len(got), len(u.data))
		}
	}
}

func TestWhatFollowsTheHandshakeIsLeftToWhoReadsIt(t *testing.T) {
	t.Parallel()
	handshake, upload := []byte{22, 3, 1, 0, 3, 'a', 'b', 'c', 20, 3, 3, 0, 0, 23, 3, 3, 0, 1, 'd'}, []byte("upload")
	conn := bytes.NewReader(append(bytes.Clone(handshake), upload...))
	b := &bulkConn{Conn: connStub{r: conn}}
	p := make([]byte, 512)
	var got []byte
	for len(got) < len(handshake) {
		n, err := b.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p[:n]...)
	}
	b.handshaken = true
	rest, err := io.ReadAll(b)
	if !bytes.Equal(got, handshake) || !bytes.Equal(rest, upload) || err != nil {
		t.Errorf("the handshake is %q, the rest %q, %v", got, rest, err)
	}
}
