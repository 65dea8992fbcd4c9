package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jlaffaye/ftp"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestFilesMoveOverEveryFTP(t *testing.T) {
	t.Parallel()
	i := start(t)
	for name, tc := range map[string]struct {
		port string
		opts []ftp.DialOption
	}{
		"plain":    {"21", nil},
		"explicit": {"21", []ftp.DialOption{ftp.DialWithExplicitTLS(insecure)}},
		"implicit": {"990", []ftp.DialOption{ftp.DialWithTLS(insecure)}},
	} {
		c, err := i.ftp(tc.port, tc.opts...)
		if err == nil {
			err = c.Login("alice", "right")
		}
		if err == nil {
			err = c.Stor(name, strings.NewReader(name))
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r, err := c.Retr(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b, err := io.ReadAll(r); string(b) != name || err != nil {
			t.Errorf("%s: got %q, %v", name, b, err)
		}
		r.Close()
		if b, err := os.ReadFile(filepath.Join(i.config.Storage.Root, "alice", name)); string(b) != name {
			t.Errorf("%s: on the disk is %q, %v", name, b, err)
		}
	}
}

func TestNewUsersCountWithoutARestartAndSessionsGoOn(t *testing.T) {
	t.Parallel()
	i := start(t)
	session := i.login()
	i.users.Users = append(i.users.Users, user(t, "bob"))
	i.write()
	i.eventually("bob logs in", func() error {
		c, err := i.ftp("21")
		if err != nil {
			return err
		}
		return c.Login("bob", "right")
	})
	if _, err := session.CurrentDir(); err != nil {
		t.Errorf("a session did not survive the reload: %v", err)
	}
}

func TestASessionEndsWithItsUser(t *testing.T) {
	t.Parallel()
	i := start(t)
	session := i.login()
	i.users.Users[0].Suspended = true
	i.write()
	i.eventually("the session ends", func() error {
		if _, err := session.CurrentDir(); err == nil {
			return errors.New("it goes on")
		}
		return nil
	})
}

func TestABadFileChangesNothingAndIsReported(t *testing.T) {
	t.Parallel()
	i := start(t)
	before := i.loaded()
	i.replace("config.json", []byte(`{"version":"v1","protocol":{}}`))
	i.eventually("the error is reported", func() error {
		if l := i.loaded(); !strings.Contains(l.Error, `unknown field "protocol"`) {
			return fmt.Errorf("got %+v", l)
		}
		return nil
	})
	if l := i.loaded(); l.Config != before.Config {
		t.Error("a configuration that was refused is said to be in force")
	}
	i.login()
	i.write()
	i.eventually("the error is gone", func() error {
		if l := i.loaded(); l.Error != "" {
			return errors.New(l.Error)
		}
		return nil
	})
}

func TestTheCertificateIsSwapped(t *testing.T) {
	t.Parallel()
	i := start(t)
	before := i.loaded().TLS
	writeCertificate(t, i.config.TLS)
	i.eventually("another certificate is in force", func() error {
		if l := i.loaded(); l.TLS == before || l.Error != "" {
			return fmt.Errorf("got %+v", l)
		}
		return nil
	})
}

func TestAServerDoesNotStartWithoutAConfiguration(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "config.json")
	for _, content := range []string{"", "{", `{"version":"v1"}`, "null", "[]"} {
		if content != "" {
			if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := New(Options{ConfigPath: name}); err == nil || !strings.Contains(err.Error(), "reading the configuration") {
			t.Errorf("%q: got %v", content, err)
		}
	}
}

func TestWhatIsToldAndCounted(t *testing.T) {
	t.Parallel()
	i := start(t)
	c := i.login()
	if err := c.Stor("f", strings.NewReader("12345")); err != nil {
		t.Fatal(err)
	}
	bad, err := i.ftp("21")
	if err != nil {
		t.Fatal(err)
	}
	if err := bad.Login("alice", "WRONG-PASSWORD"); err == nil {
		t.Fatal("a wrong password is taken")
	}
	i.eventually("metrics", func() error {
		body, err := i.get(config.PathMetrics)
		if err != nil {
			return err
		}
		for _, want := range []string{
			`fileserver_logins_total{method="password",protocol="ftp",result="success"} 1`,
			`fileserver_logins_total{method="password",protocol="ftp",result="failure"} 1`,
			`fileserver_transfer_bytes_total{direction="upload",protocol="ftp"} 5`,
			`fileserver_transfers_total{direction="upload",protocol="ftp",result="success"} 1`,
			`fileserver_sessions{protocol="ftp"} 2`,
			`fileserver_passive_granted_total 1`,
			`fileserver_audit_events_total{event="upload",protocol="ftp",result="success"} 1`,
			`fileserver_audit_events_total{event="login",protocol="ftp",result="refused"} 1`,
			`fileserver_tls_certificate_expiry_timestamp_seconds`,
		} {
			if !strings.Contains(body, want) {
				return fmt.Errorf("no %s in\n%s", want, body)
			}
		}
		return nil
	})
	i.wantTold(`ftp upload success /f "bytes":5`, `ftp login refused ? "reason":"WrongPassword"`)
	for _, secret := range []string{"WRONG-PASSWORD", `"right"`} {
		if strings.Contains(i.logs.String()+i.trail.String(), secret) {
			t.Errorf("the log has the password %s", secret)
		}
	}
}

func TestADrainLetsATransferFinish(t *testing.T) {
	t.Parallel()
	i := start(t)
	c := i.login()
	r, w := io.Pipe()
	stored := make(chan error, 1)
	go func() { stored <- c.Stor("slow", r) }()
	if _, err := io.WriteString(w, "first "); err != nil {
		t.Fatal(err)
	}
	i.eventually("the transfer runs", func() error {
		if l := i.loaded(); l.Transfers != 1 {
			return fmt.Errorf("got %+v", l)
		}
		return nil
	})
	i.stop()
	i.eventually("no new session is taken, and readiness stays", func() error {
		if _, err := i.get(config.PathReady); err != nil {
			t.Fatalf("a draining server must stay ready: %v", err)
		}
		if c, err := i.ftp("21"); err == nil {
			c.Quit()
			return errors.New("there is a new session")
		}
		return nil
	})
	if !i.loaded().Draining {
		t.Error("the drain is not reported")
	}
	if _, err := io.WriteString(w, "last"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := <-stored; err != nil {
		t.Errorf("the transfer was cut: %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(i.config.Storage.Root, "alice", "slow")); string(b) != "first last" {
		t.Errorf("stored %q, %v", b, err)
	}
}

// The operator goes on when it is told what is in force, so it is told no earlier:
// neither while the server is at it, nor after it has failed.
func TestWhatIsSaidToBeLoadedIsInForce(t *testing.T) {
	t.Parallel()
	i := start(t)
	var s *Server
	var during func(config.Loaded)
	log := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if strings.HasPrefix(a.Value.String(), "something in the configuration is unusable") {
			during(s.loaded())
		}
		return a
	}}))
	s, err := New(Options{ConfigPath: filepath.Join(i.dir, "config.json"), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	old := s.loaded().Config
	i.config.SSH.TrustedUserCAKeys = []string{"none"}
	i.config.ActiveMode = config.ActiveRefused
	i.write()
	during = func(l config.Loaded) {
		if l.Config != old {
			t.Error("what is being put in force is said to be so")
		}
		panic("boom")
	}
	s.reload()
	if l := s.loaded(); l.Config != old || !strings.Contains(l.Error, "boom") {
		t.Errorf("after a failure it says %+v", l)
	}
	reached := false
	during = func(config.Loaded) { reached = true }
	s.reload()
	if l := s.loaded(); !reached || l.Config == old || l.Error != "" {
		t.Errorf("when it is tried again (%t), it says %+v", reached, l)
	}
}
