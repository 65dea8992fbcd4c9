package sftp_test

import (
	"os"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/sftp"
	"github.com/fileserver-dev/fileserver-operator/server/sftp/rootfs"
)

func TestACopyOfAFileIntoItselfEnds(t *testing.T) {
	t.Parallel()
	f := serve(t)
	content := random(300_000)
	f.put("f", content)
	if err := os.Link(f.dir+"/f", f.dir+"/hard"); err != nil {
		t.Fatal(err)
	}
	os.Symlink("f", f.dir+"/soft")
	r := f.raw()
	from := r.open("/f", openRead)
	for _, name := range []string{"/f", "/hard", "/soft"} {
		to := r.open(name, openWrite)
		for what, args := range map[string][3]uint64{
			"onto itself":          {0, 0, 0},
			"a byte further":       {0, 0, 1},
			"from beyond its half": {200_000, 0, 100_001},
		} {
			if code, text := r.status(fxpExtended, "copy-data", from, args[0], args[1], to, args[2]); code != statusFailure {
				t.Errorf("%s, %s: %d %s", name, what, code, text)
			}
		}
		if f.content("f") != content {
			t.Fatalf("%s: the file has changed", name)
		}
		r.want(statusOK, fxpExtended, "copy-data", from, uint64(0), uint64(0), to, uint64(300_000))
		if f.content("f") != content+content {
			t.Errorf("%s: the file is not twice what it was: %d bytes", name, len(f.content("f")))
		}
		os.Truncate(f.dir+"/f", 300_000)
	}
}

func TestACopyGoesToTheEndOfAFileThatIsAppendedTo(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("from", "abc")
	f.put("to", "12345")
	r := f.raw()
	from, to := r.open("/from", openRead), r.open("/to", openWrite|openAppend)
	r.want(statusOK, fxpExtended, "copy-data", from, uint64(1), uint64(0), to, uint64(0))
	if got := f.content("to"); got != "12345bc" {
		t.Errorf("the file is %q", got)
	}
	self := r.open("/to", openRead)
	r.want(statusOK, fxpExtended, "copy-data", self, uint64(0), uint64(0), to, uint64(0))
	if got := f.content("to"); got != "12345bc12345bc" {
		t.Errorf("the file is %q", got)
	}
}

func TestCopiesKeepToTheRateOfUploadsAndEndWithTheirClient(t *testing.T) {
	t.Parallel()
	f := serve(t, func(f *fixture) {
		f.backend.SetUser("alice", &rootfs.User{Password: password, Keys: f.keys(), Limits: func(l sftp.Limits) sftp.Limits {
			l.UploadRate = 1 << 20
			return l
		}})
	})
	f.put("from", random(1<<20))
	f.put("large", random(30<<20))
	r := f.raw()
	from, to := r.open("/from", openRead), r.open("/to", openWrite|openCreate)
	began := time.Now()
	r.want(statusOK, fxpExtended, "copy-data", from, uint64(0), uint64(0), to, uint64(0))
	if took := time.Since(began); took < 800*time.Millisecond {
		t.Errorf("1 MiB at 1 MiB/s took %v", took)
	}
	large := r.open("/large", openRead)
	r.ask(fxpExtended, "copy-data", large, uint64(0), uint64(0), to, uint64(0))
	r.channel.Close()
	eventually(t, "the copy to end", func() bool { return f.server.Sessions()[0].Handles == 0 })
	f.events.wait(t, "the end of the transfer", func() bool {
		return len(f.events.transfers) == 1 && f.events.transfers[0].Err != nil
	})
}
