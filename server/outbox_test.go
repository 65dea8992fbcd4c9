package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/events"
	"github.com/fileserver-dev/fileserver-operator/test/objectstore"
)

// intake receives events, by the SDK of CloudEvents.
type intake struct {
	*httptest.Server
	mu     sync.Mutex
	events []cloudevents.Event
	auth   string
}

func newIntake(t *testing.T, tls bool) *intake {
	t.Helper()
	in := &intake{}
	protocol, err := cloudevents.NewHTTP()
	if err != nil {
		t.Fatal(err)
	}
	handler, err := cloudevents.NewHTTPReceiveHandler(context.Background(), protocol, func(e cloudevents.Event) cloudevents.Result {
		if err := e.Validate(); err != nil {
			t.Errorf("an event that is none: %v", err)
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		in.events = append(in.events, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	in.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in.mu.Lock()
		in.auth = r.Header.Get("Authorization")
		in.mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	if tls {
		in.StartTLS()
	} else {
		in.Start()
	}
	t.Cleanup(in.Close)
	return in
}

// got are the types and locations of the events, sorted.
func (in *intake) got() (got []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, e := range in.events {
		d := dataOf(e)
		s := strings.TrimPrefix(e.Type(), "dev.fileserver.") + " "
		if d.OldLocation != "" {
			s += d.OldLocation + " -> "
		}
		got = append(got, s+d.Location)
	}
	slices.Sort(got)
	return got
}

func dataOf(e cloudevents.Event) (d events.Data) {
	if err := e.DataAs(&d); err != nil {
		panic(err)
	}
	return d
}

// wants waits for exactly those events.
func (in *intake) wants(i *instance, what string, want ...string) {
	i.t.Helper()
	slices.Sort(want)
	i.eventually(what, func() error {
		if diff := cmp.Diff(want, in.got()); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
}

// tellsOf has events sent there.
func tellsOf(in *intake) func(*instance) {
	return func(i *instance) {
		i.config.Storage.AtomicUploads = true
		i.config.Events = &config.Events{Sink: in.URL, Server: "partners", Namespace: "ns"}
	}
}

func TestEventsTellWhatClientsOfAllProtocolsDo(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]func(*instance){
		"on a volume": func(*instance) {},
		"in a bucket": func(i *instance) { inBucket(objectstore.New(i.t))(i) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newIntake(t, false)
			i := start(t, tellsOf(in), where)
			c := i.binary("alice")
			c.put("STOR f", "hello")
			c.cut("STOR cut", "half")
			c.put("APPE f", " world")
			c.command("RNFR f", "350")
			c.command("RNTO g", "250")
			s, _ := i.sftpSession()
			f, err := s.Create("/h")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(f, "by sftp"); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(f.Close(), s.Remove("/h")); err != nil {
				t.Fatal(err)
			}
			in.wants(i, "all are told",
				"upload.completed /alice/f", "upload.completed /alice/f", "file.renamed /alice/f -> /alice/g",
				"upload.completed /alice/h", "file.deleted /alice/h")
			in.mu.Lock()
			defer in.mu.Unlock()
			for _, e := range in.events {
				d := dataOf(e)
				if e.Source() != "/namespaces/ns/fileservers/partners" || e.Subject() != strings.TrimPrefix(d.Location, "/") || d.User != "alice" ||
					d.Session == "" || d.Address != "127.0.0.1" || d.Path != strings.TrimPrefix(d.Location, "/alice") || d.Bytes == nil || *d.Bytes == 0 {
					t.Errorf("an event: %v", e)
				}
				if want := map[bool]string{true: "sftp", false: "ftp"}[d.Path == "/h"]; d.Protocol != want {
					t.Errorf("%s is told to be of %s", d.Path, d.Protocol)
				}
			}
			if l := i.loaded(); l.Events == nil || l.Events.Failing != "" {
				t.Errorf("/configz has %+v", l.Events)
			}
		})
	}
}

func TestClientsDoNotSeeTheOutbox(t *testing.T) {
	t.Parallel()
	in := newIntake(t, false)
	i := start(t, tellsOf(in), func(i *instance) { i.users.Users[0].Home = "." })
	c := i.binary("alice")
	c.put("STOR f", "hello")
	in.wants(i, "it is told", "upload.completed /f")
	if _, err := os.Stat(filepath.Join(i.config.Storage.Root, events.Hidden, "ns.partners", "runs")); err != nil {
		t.Fatal(err)
	}
	if got := c.listAll(); strings.Contains(got, "outbox") {
		t.Errorf("a listing: %s", got)
	}
	for _, command := range []string{"CWD %s", "RMD %s", "RNFR %s", "MLST %s", "CWD %s/ns.partners/ready", "MKD %s"} {
		c.command(fmt.Sprintf(command, events.Hidden), "550")
	}
}

func TestAnUploadIsRefusedIfItCouldNotBeTold(t *testing.T) {
	t.Parallel()
	in := newIntake(t, false)
	i := start(t, tellsOf(in), func(i *instance) {
		i.config.Events.Sink = "http://127.0.0.1:1/"
		i.maxEvents = 1
	})
	c := i.binary("alice")
	c.put("STOR first", "hello")
	c.data()
	c.command("STOR second", "452 Too many events wait for their receiver, try again later")
	s, _ := i.sftpSession()
	if _, err := s.Create("/third"); err == nil || !strings.Contains(err.Error(), "Too many events") {
		t.Errorf("SFTP says %v", err)
	}
	if got := i.loaded().Events; got == nil || !got.Full || got.Undelivered != 1 {
		t.Errorf("/configz has %+v", got)
	}
	i.config.Events.Sink = in.URL
	i.reloadFiles()
	in.wants(i, "what waited is told", "upload.completed /alice/first")
	i.eventually("there is room again", func() error {
		if i.loaded().Events.Full {
			return errors.New("there is none")
		}
		return nil
	})
	c.put("STOR second", "hello")
}

func TestAnOutboxThatCannotBeUsedStopsUploadsAlone(t *testing.T) {
	t.Parallel()
	in := newIntake(t, false)
	i := start(t, tellsOf(in), func(i *instance) {
		if err := os.WriteFile(filepath.Join(i.config.Storage.Root, events.Hidden), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	c := i.binary("alice")
	data := c.data()
	c.command("STOR f", "150")
	data.Close()
	c.reply("451")
	c.listAll()
	if got := i.content("f"); !strings.Contains(got, "no such file") {
		t.Errorf("it is visible: %s", got)
	}
}

func TestEventsGoWithTheCredentialsThatAreThere(t *testing.T) {
	t.Parallel()
	in := newIntake(t, false)
	i := start(t, tellsOf(in), func(i *instance) {
		i.config.Events.CredentialsDir = filepath.Join(i.dir, "events")
		if err := os.Mkdir(i.config.Events.CredentialsDir, 0o700); err != nil {
			t.Fatal(err)
		}
	})
	write := func(name, value string) {
		if err := os.WriteFile(filepath.Join(i.config.Events.CredentialsDir, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := i.user("alice")
	for n, step := range []struct {
		files map[string]string
		want  string
	}{
		{map[string]string{"username": "u", "password": "p\n"}, "Basic dTpw"},
		{map[string]string{"token": "secret\n"}, "Bearer secret"},
	} {
		for name, value := range step.files {
			write(name, value)
		}
		c.put(fmt.Sprintf("STOR f%d", n), "x")
		i.eventually("it is told", func() error {
			if got := len(in.got()); got != n+1 {
				return fmt.Errorf("%d events", got)
			}
			return nil
		})
		if in.auth != step.want {
			t.Errorf("got %q, want %q", in.auth, step.want)
		}
	}
}
