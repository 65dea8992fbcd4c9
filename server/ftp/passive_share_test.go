package ftp_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

func TestClientsOfDifferentAddressesShareAPort(t *testing.T) {
	t.Parallel()
	ts, pool := servePool(t, plain, passive.Options{First: 40000, Last: 40000}, nil)
	const n = 20
	clients := make([]*client, n)
	addrs := make([]string, n)
	for i := range n {
		ts.write(fmt.Sprintf("/%d", i), strconv.Itoa(i))
		clients[i] = ts.dial(fmt.Sprintf("127.1.0.%d", i+1))
		clients[i].expect("220 ...")
		clients[i].login()
		addrs[i] = clients[i].epsv()
	}
	if s := pool.Stats(); s.Open != 1 || s.Awaited != n {
		t.Errorf("%+v", s)
	}
	for i := n - 1; i >= 0; i-- { // not in the order in which they asked
		conn := clients[i].data(addrs[i])
		clients[i].command(fmt.Sprintf("RETR %d", i), "150 ...")
		if data, _ := io.ReadAll(conn); string(data) != strconv.Itoa(i) {
			t.Errorf("client %d got the data of %q", i, data)
		}
		clients[i].expect("226 ...")
	}
}

// transferAll lets every client download a file at the same time.
func transferAll(t *testing.T, ts *testServer, n int, from func(int) string) {
	t.Helper()
	ts.set(func(s *ftp.Settings) { s.Limits.PortWait = patience }) // the machine may be busy
	ts.write("/f", strings.Repeat("x", 100_000))
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := downloadOnce(ts.addr, from(i), 100_000); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

// downloadOnce is a whole session that may run on any goroutine.
func downloadOnce(addr, from string, size int64) error {
	conn, err := dialFrom(from, addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	dialogue := newDialogue(conn)
	for _, step := range []string{"", "USER alice", "PASS secret", "TYPE I", "EPSV"} {
		if err := dialogue.step(step); err != nil {
			return err
		}
	}
	_, port, _ := strings.Cut(dialogue.reply, "|||")
	host, _, _ := net.SplitHostPort(addr)
	data, err := dialFrom(from, net.JoinHostPort(host, strings.TrimSuffix(port, "|)")))
	if err != nil {
		return err
	}
	defer data.Close()
	if err := dialogue.step("RETR f"); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, data)
	if err != nil || n != size {
		return fmt.Errorf("received %d bytes of %d: %w", n, size, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return dialogue.step("")
}

func TestTwoHundredTransfersFromOneAddressOverTenPortsAllComplete(t *testing.T) {
	t.Parallel()
	ts, pool := servePool(t, plain, tenPorts(), nil)
	transferAll(t, ts, 200, func(int) string { return "" })
	if s := pool.Stats(); s.Exhausted != 0 || s.Awaited != 0 || s.Granted != 200 {
		t.Errorf("%+v", s)
	}
}

func TestTwoHundredTransfersCompleteWhereAddressesAreHidden(t *testing.T) {
	t.Parallel()
	ts, pool := servePool(t, plain, tenPorts(), nil)
	ts.set(func(s *ftp.Settings) { s.PeerCheck = ftp.PeerAny })
	transferAll(t, ts, 200, func(int) string { return "" })
	if s := pool.Stats(); s.Exhausted != 0 || s.Awaited != 0 || s.Granted != 200 {
		t.Errorf("%+v", s)
	}
}

func TestAThousandTransfersOverTenPortsAllComplete(t *testing.T) {
	t.Parallel()
	ts, pool := servePool(t, plain, tenPorts(), nil)
	transferAll(t, ts, 1000, func(i int) string { return fmt.Sprintf("127.2.%d.%d", i/200, i%200+1) })
	if s := pool.Stats(); s.Exhausted != 0 || s.Awaited != 0 || s.Granted != 1000 {
		t.Errorf("%+v", s)
	}
}
