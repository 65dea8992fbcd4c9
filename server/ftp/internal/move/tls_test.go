package move

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

var certificate = sync.OnceValue(func() tls.Certificate { return fixture.NewCertificate().TLS })

// A cutter passes on only so many bytes of what is written, once it is cut.
type cutter struct {
	net.Conn
	cut  bool
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if c.cut {
		n := min(c.left, len(p))
		c.left -= n
		_, err := c.Conn.Write(p[:n])
		return len(p), err
	}
	return c.Conn.Write(p)
}

// secured returns a data connection with TLS, its client, and what is below that.
func secured(t testing.TB, version uint16, wrap func(*net.TCPConn) net.Conn) (*Conn, *tls.Conn, *cutter) {
	t.Helper()
	conn, peer := connected(t)
	below := &cutter{Conn: peer}
	client := tls.Client(below, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, DynamicRecordSizingDisabled: true})
	done := make(chan error, 1)
	go func() { done <- client.Handshake() }()
	c, err := NewTLS(t.Context(), wrap(conn), &Buffers{}, func(conn net.Conn, secrets io.Writer) *tls.Conn {
		return tls.Server(conn, &tls.Config{
			Certificates: []tls.Certificate{certificate()}, KeyLogWriter: secrets, SessionTicketsDisabled: true,
			DynamicRecordSizingDisabled: true,
		})
	})
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	return c, client, below
}

func asItIs(conn *net.TCPConn) net.Conn { return conn }
func wrap(conn *net.TCPConn) net.Conn   { return wrapped{conn} }

func TestUploadsOverTLSArrive(t *testing.T) {
	t.Parallel()
	data := random(inSize + inSize/4)
	for name, test := range map[string]struct {
		version uint16
		wrap    func(*net.TCPConn) net.Conn
		records bool
	}{
		"TLS 1.3":                   {tls.VersionTLS13, asItIs, true},
		"TLS 1.3 through a wrapper": {tls.VersionTLS13, wrap, true},
		"TLS 1.2":                   {tls.VersionTLS12, asItIs, false},
	} {
		for _, step := range []int{BlockSize, 5000, 16<<10 + 1} {
			c, client, _ := secured(t, test.version, test.wrap)
			go func() {
				for rest := data; len(rest) > 0; {
					n := min(len(rest), 300_000)
					client.Write(rest[:n])
					rest = rest[n:]
				}
				client.Close()
			}()
			f := fileOf(t, nil)
			n, err := all(Upload(f, c), step)
			if err != nil || n != len(data) || !bytes.Equal(contentOf(t, f), data) {
				t.Errorf("%s, %d bytes at a time: %d bytes of %d, %v", name, step, n, len(data), err)
			}
			if !c.Notified() {
				t.Errorf("%s: the end was close_notify, and is told as none", name)
			}
			if got := c.records != nil; got != test.records {
				t.Errorf("%s: records are opened here: %v", name, got)
			}
			c.Release()
			if used := c.buffers.records.used.Load(); used != 0 {
				t.Errorf("%s: %d bytes are in use in the end", name, used)
			}
		}
	}
}

func TestALargeBufferIsHeldOnlyWhileThereIsSomethingInIt(t *testing.T) {
	t.Parallel()
	c, client, _ := secured(t, tls.VersionTLS13, asItIs)
	defer c.Release()
	p := make([]byte, BlockSize)
	client.Write(random(1000))
	if n, err := c.Receive(p, inMoments()); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := c.Receive(p, time.Now().Add(10*time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if used := c.buffers.records.used.Load(); used != 0 {
		t.Errorf("%d bytes are in use while nothing comes", used)
	}
}

func TestRecordsAreReadWithoutALargeBuffer(t *testing.T) {
	t.Parallel()
	data := random(1 << 20)
	c, client, _ := secured(t, tls.VersionTLS13, asItIs)
	defer c.Release()
	for in := c.buffers.in(); in != nil; in = c.buffers.in() { // others have all of them
	}
	go func() {
		client.Write(data)
		client.Close()
	}()
	f := fileOf(t, nil)
	if n, err := all(Upload(f, c), BlockSize); n != len(data) || err != nil || !bytes.Equal(contentOf(t, f), data) {
		t.Errorf("%d bytes of %d, %v", n, len(data), err)
	}
}

// One meaning of a stream that is cut, whoever opens its records.
func TestAnUploadMayEndWithoutCloseNotifyButNotWithinARecord(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for left, want := range map[int]error{0: nil, 3: io.ErrUnexpectedEOF, 5: io.ErrUnexpectedEOF, 5000: io.ErrUnexpectedEOF} {
			c, client, below := secured(t, version, asItIs)
			client.Write(random(1000))
			below.cut, below.left = true, left
			client.Write(random(10_000))
			below.Conn.Close()
			n, err := all(Upload(fileOf(t, nil), c), BlockSize)
			var ofConn *ConnError
			if n != 1000 || !errors.Is(err, want) || errors.As(err, &ofConn) != (want != nil) {
				t.Errorf("%s, with %d bytes of a record: %d bytes came, %v", tls.VersionName(version), left, n, err)
			}
			if c.Notified() {
				t.Errorf("%s: there was no close_notify", tls.VersionName(version))
			}
			c.Release()
		}
	}
}

// A countingConn counts writes, and takes only so many bytes of each before a deadline.
type countingConn struct {
	net.Conn
	writes int
	most   int
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes++
	if c.most > 0 && len(p) > c.most {
		n, err := c.Conn.Write(p[:c.most])
		return n, errors.Join(err, os.ErrDeadlineExceeded)
	}
	return c.Conn.Write(p)
}

func TestSeveralRecordsAreSentWithOneSystemCall(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		small      bool
		most, want int
	}{{"many", false, 0, 4}, {"few", true, 0, 32}, {"with deadlines in between", false, 100_000, 12}} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			var counted *countingConn
			c, client, _ := secured(t, version, func(conn *net.TCPConn) net.Conn {
				counted = &countingConn{Conn: conn}
				return counted
			})
			if test.small {
				c.buffers.records.used.Store(recordBudget)
			}
			data := random(4 * BlockSize)
			counted.writes, counted.most = 0, test.most
			go func() {
				for sent := 0; sent < len(data); {
					n, err := c.Send(data[sent:], inMoments())
					if sent += n; err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error(err)
						break
					}
				}
				writes := counted.writes
				if counted.most = 0; writes != test.want {
					t.Errorf("%s: %d writes, not %d", test.name, writes, test.want)
				}
				c.Finish(time.Second)
			}()
			if got, err := io.ReadAll(client); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s, %s: %d bytes of %d, %v", test.name, tls.VersionName(version), len(got), len(data), err)
			}
			c.Release()
		}
	}
}

func TestWhatFollowsTheHandshakeIsLeftToWhoReadsIt(t *testing.T) {
	t.Parallel()
	handshake, upload := []byte{22, 3, 1, 0, 3, 'a', 'b', 'c', 20, 3, 3, 0, 0, 23, 3, 3, 0, 1, 'd'}, []byte("upload")
	conn, peer := connected(t)
	peer.Write(append(bytes.Clone(handshake), upload...))
	peer.CloseWrite()
	b := &batch{Conn: conn}
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

// In FIPS mode, which is chosen when a process starts, only the validated module's TLS
// opens records.
func TestInFIPSModeRecordsAreNotOpenedHere(t *testing.T) {
	t.Parallel()
	if os.Getenv("MOVE_FIPS") == "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), self, "-test.run", "^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=on", "MOVE_FIPS=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	c, client, _ := secured(t, tls.VersionTLS13, asItIs)
	defer c.Release()
	client.Write([]byte("data"))
	client.Close()
	f := fileOf(t, nil)
	if _, err := all(Upload(f, c), BlockSize); err != nil || string(contentOf(t, f)) != "data" {
		t.Errorf("%q, %v", contentOf(t, f), err)
	}
	if c.records != nil {
		t.Error("they are")
	}
}
