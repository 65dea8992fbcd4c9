package ftp_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// recorder collects the records of transfers and sessions.
type recorder struct {
	mu        sync.Mutex
	transfers []ftp.TransferRecord
	sessions  []ftp.SessionRecord
	logins    []ftp.LoginRecord
}

func (r *recorder) hook(s *ftp.Options) {
	s.Hooks.TransferEnd = func(_ *ftp.Conn, t ftp.TransferRecord) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.transfers = append(r.transfers, t)
	}
	s.Hooks.Disconnect = func(_ *ftp.Conn, sr ftp.SessionRecord) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sessions = append(r.sessions, sr)
	}
	s.Hooks.Login = func(_ *ftp.Conn, l ftp.LoginRecord) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.logins = append(r.logins, l)
	}
}

func (r *recorder) lastTransfer(t *testing.T, n int) ftp.TransferRecord {
	t.Helper()
	var last ftp.TransferRecord
	eventually(t, fmt.Sprintf("%d transfers are recorded", n), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.transfers) >= n {
			last = r.transfers[n-1]
		}
		return len(r.transfers) >= n
	})
	return last
}

func (r *recorder) lastSession(t *testing.T) ftp.SessionRecord {
	t.Helper()
	var last ftp.SessionRecord
	eventually(t, "a session is recorded", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.sessions) > 0 {
			last = r.sessions[len(r.sessions)-1]
		}
		return len(r.sessions) > 0
	})
	return last
}

func TestRecordsTellWhatHappened(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	ts := serve(t, ftp.ListenerOptions{Name: "ftp"}, rec.hook)
	config := clientTLS(0)
	c := ts.connect().startTLS(config).login().protectData(config)
	c.put("STOR f", []byte("0123456789"))
	c.command("REST 4", "350 ...")
	c.get("RETR f")
	up, down := rec.lastTransfer(t, 1), rec.lastTransfer(t, 2)
	if up.Verb != "STOR" || up.Path != "/f" || up.Direction != ftp.Upload || up.Bytes != 10 || up.Err != nil || up.Code != 226 || !up.Passive || !up.TLSResumed {
		t.Errorf("%+v", up)
	}
	if version, cipher := up.TLS(); version != "TLS 1.3" || cipher == "" {
		t.Errorf("%q %q", version, cipher)
	}
	if down.Verb != "RETR" || down.Direction != ftp.Download || down.Bytes != 6 || down.Offset != 4 {
		t.Errorf("%+v", down)
	}
	c.command("CLNT Example", "200 ...")
	if s := ts.Sessions(); len(s) != 1 || s[0].User != "alice" || !s[0].TLS || s[0].LastVerb != "CLNT" ||
		s[0].ClientName != "Example" || s[0].Listener != "ftp" || s[0].Transfer != nil {
		t.Errorf("%+v", s)
	}
	c.command("QUIT", "221 ...")
	if r := rec.lastSession(t); r.User != "alice" || r.Uploaded != 10 || r.Downloaded != 6 || r.TLSVersion == 0 {
		t.Errorf("%+v", r)
	}
}
