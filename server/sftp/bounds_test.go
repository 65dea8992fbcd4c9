package sftp_test

import (
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
)

func TestHandlesAreLimitedAndTheGreedyAreEnded(t *testing.T) {
	t.Parallel()
	f := serve(t, func(f *fixture) { f.options.Limits.MaxHandles = 100 })
	f.put("f", "x")
	r := f.raw()
	var last string
	for range 100 {
		last = r.open("/f", openRead)
	}
	f.noHostPath(r.want(statusFailure, fxpOpen, "/f", uint32(openRead), uint32(0)))
	r.want(statusFailure, fxpOpendir, "/")
	r.want(statusOK, fxpClose, last)
	r.open("/f", openRead)
	r.want(statusFailure, fxpOpen, "/f", uint32(openRead), uint32(0))
	go func() {
		for i := range uint32(10_000) {
			if _, err := r.channel.Write(packet(fxpOpen, i, "/f", uint32(openRead), uint32(0))); err != nil {
				return
			}
		}
	}()
	for {
		if _, _, err := r.tryReceive(); err != nil {
			break
		}
	}
	if s := f.events.session(t); s.Reason != "limit" {
		t.Errorf("ended as %q", s.Reason)
	}
}

func TestImpossibleLengthsEndTheSessionOnly(t *testing.T) {
	t.Parallel()
	f := serve(t)
	client := f.ssh()
	for name, b := range map[string][]byte{
		"4 GiB":                 binary.BigEndian.AppendUint32(nil, 1<<32-1),
		"nothing":               {0, 0, 0, 0},
		"no id":                 {0, 0, 0, 1, fxpStat},
		"a bit more than a lot": binary.BigEndian.AppendUint32(nil, 256<<10+1),
		"no INIT":               packet(fxpStat, uint32(1), "/"),
	} {
		r := f.rawChannel(client)
		r.send(b)
		if _, _, err := r.tryReceive(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Not in parallel: others would use memory, too.
func TestAClientThatNeverReadsCostsLittleAndIsEnded(t *testing.T) {
	f := serve(t)
	f.put("big", random(64<<20))
	r := f.raw()
	h := r.open("/big", openRead)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f.server.SetLimits(sftp.Limits{StallTimeout: time.Second})
	go func() {
		for i := range uint32(10_000) {
			if _, err := r.channel.Write(packet(fxpRead, i, h, uint64(i)<<15, uint32(255<<10))); err != nil {
				return
			}
		}
	}()
	if s := f.events.session(t); s.Reason != "stalled" {
		t.Errorf("ended as %q", s.Reason)
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 64<<20 {
		t.Errorf("it took %d MiB", grown>>20)
	}
}

func TestWhatIsLeftOpenIsClosedAndTold(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("f", "x")
	client := f.ssh()
	r := f.rawChannel(client)
	r.send(packet(fxpInit, uint32(3)))
	r.receive()
	r.read(r.open("/f", openRead), 0, 1)
	r.open("/new", openWrite|openCreate)
	r.handle(fxpOpendir, "/")
	client.Close()
	f.events.wait(t, "the ends of two transfers", func() bool { return len(f.events.transfers) == 2 })
	for _, tr := range f.events.transfers {
		if tr.Err == nil {
			t.Errorf("the %s of %s is said to be complete", tr.Verb, tr.Path)
		}
	}
	f.events.session(t)
	if n := len(f.server.Sessions()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}
