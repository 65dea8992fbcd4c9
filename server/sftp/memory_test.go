package sftp_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
	"github.com/fileserver-dev/fileserver-operator/server/sftp/rootfs"
)

// heap returns what is in use, in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// The bounds of budget.go, and what else a connection takes, for the server
// and this client, which are in one process.
const (
	userBudget       = 128 << 20
	connectionBudget = 1 << 20
)

var zeros = make([]byte, 2<<20)

// What one user may do to have the server use memory. Each is what one
// connection does, and, in what it returns, does without reading any more.
var greedy = map[string]struct {
	connections int
	hold        func(f *fixture, client *ssh.Client) (then func())
}{
	"folders that are open": {20, func(f *fixture, client *ssh.Client) func() {
		r := f.rawSession(client)
		for range 1024 {
			if kind, _ := r.call(fxpOpendir, "/many"); kind != fxpHandle {
				break
			}
		}
		return nil
	}},
	"files that are open": {5, func(f *fixture, client *ssh.Client) func() {
		r := f.rawSession(client)
		for range 1024 {
			r.call(fxpOpen, "/f", uint32(openRead), uint32(0))
		}
		return nil
	}},
	"patterns that stand for many files": {6, func(f *fixture, client *ssh.Client) func() {
		for range 10 {
			f.exec(client, "scp -f many/*").say("\x00")
		}
		return nil
	}},
	"a tree that is sent": {6, func(f *fixture, client *ssh.Client) func() {
		for range 10 {
			f.exec(client, "scp -rf /").say("\x00")
		}
		return nil
	}},
	"channels without a program": {10, func(_ *fixture, client *ssh.Client) func() {
		for range 10 {
			ch, reqs, err := client.OpenChannel("session", nil)
			if err != nil {
				break
			}
			go ssh.DiscardRequests(reqs)
			go ch.Write(zeros)
			go ch.Stderr().Write(zeros)
		}
		return nil
	}},
	"data for programs that do not read": {10, func(f *fixture, client *ssh.Client) func() {
		return onEach(f, client, func(r *raw) { copyThenSend(r, len(zeros)) })
	}},
	"data in packets of one byte": {3, func(f *fixture, client *ssh.Client) func() {
		return onEach(f, client, func(r *raw) { copyThenSend(r, 1) })
	}},
	"replies that are not read": {12, func(f *fixture, client *ssh.Client) func() {
		return onEach(f, client, func(r *raw) {
			for i := range uint32(64) {
				r.channel.Write(packet(fxpRead, i, "\x00\x00\x00\x01", uint64(0), uint32(34<<10)))
			}
		})
	}},
	"names that are asked for and not read": {8, func(f *fixture, client *ssh.Client) func() {
		ids := string(zeros[:100<<10])
		return onEach(f, client, func(r *raw) {
			for i := range uint32(20) {
				r.channel.Write(packet(fxpExtended, i, "users-groups-by-id@openssh.com", ids, ids))
			}
		})
	}},
	"requests that are not sent to their end": {10, func(f *fixture, client *ssh.Client) func() {
		return onEach(f, client, func(r *raw) {
			r.channel.Write(binary.BigEndian.AppendUint32(nil, 250<<10))
			r.channel.Write(zeros[:100])
		})
	}},
	"commands without end": {10, func(f *fixture, client *ssh.Client) func() {
		for range 10 {
			f.exec(client, "sha256sum "+strings.Repeat("- ", 10_000))
		}
		return nil
	}},
}

// onEach returns what sends on ten channels with a file open for reading and
// one for writing, until the server takes nothing more, or for two seconds.
func onEach(f *fixture, client *ssh.Client, send func(r *raw)) func() {
	var rs []*raw
	for range 10 {
		r := f.rawSession(client)
		r.open("/big", openRead)
		r.open("/copy", openWrite|openCreate)
		rs = append(rs, r)
	}
	return func() {
		var sent sync.WaitGroup
		for _, r := range rs {
			sent.Go(func() { send(r) })
		}
		done := make(chan struct{})
		go func() { sent.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(2 * time.Second):
		}
	}
}

// copyThenSend has the server copy a file, which takes long at the rate that
// alice may, and then sends what nobody reads meanwhile, so much at a time.
func copyThenSend(r *raw, size int) {
	r.channel.Write(packet(fxpExtended, uint32(99), "copy-data", "\x00\x00\x00\x01", uint64(0), uint64(0), "\x00\x00\x00\x02", uint64(0)))
	for range len(zeros) / size {
		if _, err := r.channel.Write(zeros[:size]); err != nil {
			return
		}
	}
}

func TestTheMemoryOfOneUserIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	f := serve(t, func(f *fixture) {
		f.options.Limits, f.buffer = sftp.Limits{MaxUserFiles: 100_000, MaxFiles: 100_000, StallTimeout: 15 * time.Second}, 16<<10
		f.backend.SetUser("alice", &rootfs.User{Password: password, Keys: f.keys(), Limits: func(l sftp.Limits) sftp.Limits {
			l.UploadRate = 1 << 10
			return l
		}})
	})
	f.put("f", "x")
	f.put("big", random(8<<20))
	for i := range 4000 {
		f.put(fmt.Sprintf("many/%0200d", i), "")
	}
	for i := range 300 {
		if err := os.MkdirAll(fmt.Sprintf("%s/tree/%d/%d", f.dir, i, i), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, g := range greedy {
		t.Run(name, func(t *testing.T) {
			if raceEnabled {
				g.connections = min(g.connections, 2) // what is measured are the bytes, and not here
			}
			before := heap()
			var clients []io.Closer
			var all sync.WaitGroup
			for range g.connections {
				d, client := f.deaf()
				clients = append(clients, d)
				all.Go(func() {
					then := g.hold(f, client)
					d.stop()
					if then != nil {
						then()
					}
				})
			}
			all.Wait()
			// The server has taken what it takes once that is no more than before.
			took := heap() - before
			for tick, more := time.Tick(200*time.Millisecond), true; more; {
				<-tick
				now := heap() - before
				more = now > took+1<<20
				took = max(took, now)
			}
			bound := int64(userBudget + g.connections*connectionBudget)
			t.Logf("%s: %d connections, %d MiB", name, g.connections, took>>20)
			if took > bound {
				t.Errorf("%s: %d connections take %d MiB, and not %d", name, g.connections, took>>20, bound>>20)
			}
			for _, c := range clients {
				c.Close()
			}
			eventually(t, "the connections to be gone", func() bool { return len(f.server.Sessions()) == 0 })
		})
	}
}
