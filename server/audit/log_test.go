package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

var client = netip.MustParseAddrPort("[::ffff:192.0.2.7]:4000")

// clock is a time that a test sets.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2030, 1, 2, 3, 4, 5, 6e6, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// parse reads lines.
func parse(t *testing.T, lines string) (all []audit.Record) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var r audit.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

func TestNamesLoseNothingAndMoveNoCursor(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"/plain é 日本 \"quoted\"": "/plain é 日本 \"quoted\"",
		"/line\nbreak\x1b[2J":    `/line\nbreak\x1b[2J`,
		"/back\\slash":           `/back\\slash`,
		"/right\u202eleft":       `/right\u202eleft`,
		"/no\xffutf8":            `/no\xffutf8`,
		"/\ufffd":                `/�`,
		"/tab\tnul\x00del\x7f":   `/tab\tnul\x00del\x7f`,
	} {
		var out bytes.Buffer
		log := audit.New(audit.Options{Stdout: &out, Pod: "p"})
		log.Session("sftp", 1, client).Work(audit.Checksum, "u", "HASH", name, nil)
		got := parse(t, out.String())[0]
		if got.Path != want || got.Cut {
			t.Errorf("%q is told as %s, want %s", name, got.Path, want)
		}
		if back, err := strconv.Unquote(`"` + strings.ReplaceAll(got.Path, `"`, `\"`) + `"`); err != nil || back != name {
			t.Errorf("%s means %q, %v; want %q", got.Path, back, err, name)
		}
	}
}

func TestLongTextsAreCutAndSaySo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := audit.New(audit.Options{Stdout: &out, Pod: "p"})
	log.Session("sftp", 1, client).Work(audit.Checksum, strings.Repeat("\x01", 300), "HASH", "/"+strings.Repeat("é", 600), nil)
	got := parse(t, out.String())[0]
	if !got.Cut || len(got.Path) > 1024 || len(got.Path) < 1000 || strings.Contains(got.Path, `\`) || len(got.User) != 4*256 {
		t.Errorf("the line is %s", out.String())
	}
	if out.Len() > 4096 {
		t.Errorf("it has %d bytes", out.Len())
	}
}

func TestALineHasTheSessionAndTheClient(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := newClock()
	log := audit.New(audit.Options{Stdout: &out, Pod: "p", Run: "run", Now: now.now})
	s := log.Session("ftp", 7, client)
	now.pass(time.Second)
	s.Login(audit.Attempt{User: "alice", Method: "password"})
	s.End(audit.Summary{User: "alice", Commands: 3, Reason: "login timeout", Duration: 2 * time.Second})
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{
		`{"audit":"1.0","time":"2030-01-02T03:04:05.006Z","event":"session-start","result":"success","pod":"p","protocol":"ftp","session":"run-ftp-7","address":"192.0.2.7","port":4000}`,
		`{"audit":"1.0","time":"2030-01-02T03:04:06.006Z","event":"login","result":"success","pod":"p","protocol":"ftp","session":"run-ftp-7","user":"alice","address":"192.0.2.7","port":4000,"method":"password"}`,
		`{"audit":"1.0","time":"2030-01-02T03:04:06.006Z","event":"session-end","result":"success","reason":"LoginTimeout","pod":"p","protocol":"ftp","session":"run-ftp-7","user":"alice","address":"192.0.2.7","port":4000,"durationMs":2000,"commands":3,"downloaded":0,"uploaded":0}`,
	} {
		if lines[i] != want {
			t.Errorf("got  %s\nwant %s", lines[i], want)
		}
	}
}

func TestAProbeHasNoLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := audit.New(audit.Options{Stdout: &out, Pod: "p"})
	log.Session("ftp", 7, client).End(audit.Summary{Reason: "lost"})
	if out.Len() > 0 {
		t.Errorf("it has %s", out.String())
	}
}

func TestWhatClientsDoIsCountedWithoutLinesToo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	counted := map[string]int{}
	log := audit.New(audit.Options{Stdout: &out, Pod: "p", Count: func(protocol string, e audit.Event, r audit.Result) {
		counted[fmt.Sprint(protocol, " ", e, " ", r)]++
	}})
	log.Use(config.Audit{Output: config.AuditNone})
	s := log.Session("ftp", 7, client)
	s.Transfer(audit.Transfer{User: "u", Event: audit.Upload, Path: "/f"})
	s.Transfer(audit.Transfer{User: "u", Event: audit.Upload, Path: "/f", Err: errors.New("lost"), Cut: true})
	for range 1000 {
		s.Work(audit.Checksum, "u", "HASH", "/f", fs.ErrPermission)
	}
	if out.Len() > 0 || counted["ftp upload success"] != 1 || counted["ftp upload aborted"] != 1 || counted["ftp checksum refused"] != 1000 {
		t.Errorf("%v, with the lines\n%s", counted, out.String())
	}
}

// files are those in the folder, with how many lines each has.
func files(t *testing.T, folder string) (names []string, lines int) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, e.Name())
		lines += len(parse(t, string(b)))
	}
	return names, lines
}

func TestFullFilesAreTurnedOverAndTheOldestRemoved(t *testing.T) {
	t.Parallel()
	folder, now := t.TempDir(), newClock()
	log := audit.New(audit.Options{Pod: "p", Now: now.now})
	log.Use(config.Audit{Output: config.AuditFile, File: &config.AuditFiles{Folder: folder, MaxSize: 1000, Keep: 3}})
	s := log.Session("ftp", 7, client)
	for range 50 { // four lines are a file
		s.Work(audit.Checksum, "u", "HASH", "/f", nil)
		now.pass(time.Second)
	}
	names, lines := files(t, folder)
	if len(names) != 4 || names[3] != "audit-p.jsonl" || lines < 13 || lines > 16 {
		t.Errorf("there are %d lines in %v", lines, names)
	}
	log.Close()
	if names, _ = files(t, folder); len(names) != 3 || names[2] == "audit-p.jsonl" {
		t.Errorf("at the end there are %v", names)
	}
}

func TestAFileThatIsMovedOrLeftByACrashLosesNoLine(t *testing.T) {
	t.Parallel()
	folder, now := t.TempDir(), newClock()
	begin := func() (*audit.Log, *audit.Session) {
		log := audit.New(audit.Options{Pod: "p", Now: now.now})
		log.Use(config.Audit{Output: config.AuditFile, File: &config.AuditFiles{Folder: folder, MaxSize: 1 << 20, Keep: 3}})
		return log, log.Session("ftp", 7, client)
	}
	_, s := begin()
	s.Work(audit.Checksum, "u", "HASH", "/1", nil)
	_, s = begin() // the pod was killed, and its container started again
	s.Work(audit.Checksum, "u", "HASH", "/2", nil)
	if names, lines := files(t, folder); len(names) != 1 || lines != 2 {
		t.Errorf("after a crash there are %d lines in %v", lines, names)
	}
	if err := os.Rename(filepath.Join(folder, "audit-p.jsonl"), filepath.Join(folder, "moved")); err != nil {
		t.Fatal(err)
	}
	now.pass(2 * time.Second)
	s.Work(audit.Checksum, "u", "HASH", "/3", nil)
	if names, lines := files(t, folder); len(names) != 2 || lines != 3 {
		t.Errorf("after it was moved there are %d lines in %v", lines, names)
	}
}

func TestPodsThatShareAFolderKeepToTheirFiles(t *testing.T) {
	t.Parallel()
	folder, now := t.TempDir(), &clock{t: time.Now()} // as files are dated
	session := func(pod string) *audit.Session {
		log := audit.New(audit.Options{Pod: pod, Now: now.now})
		log.Use(config.Audit{Output: config.AuditFile, File: &config.AuditFiles{Folder: folder, MaxSize: 1000, Keep: 1}})
		return log.Session("ftp", 7, client)
	}
	first, second := session("first"), session("second")
	first.Work(audit.Checksum, "u", "HASH", "/f", nil)
	for range 20 {
		second.Work(audit.Checksum, "u", "HASH", "/f", nil)
		now.pass(time.Second)
	}
	if names, _ := files(t, folder); len(names) != 3 || names[0] != "audit-first.jsonl" || names[2] != "audit-second.jsonl" {
		t.Errorf("there are %v", names)
	}
	// A day later the first pod is taken for gone. It was idle.
	gone := now.now().Add(-48 * time.Hour)
	if err := os.Chtimes(filepath.Join(folder, "audit-first.jsonl"), gone, gone); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		second.Work(audit.Checksum, "u", "HASH", "/f", nil)
		now.pass(time.Second)
	}
	if names, _ := files(t, folder); len(names) != 2 {
		t.Errorf("the file of a pod that is gone stays: %v", names)
	}
	first.Work(audit.Checksum, "u", "HASH", "/f", nil)
	if names, _ := files(t, folder); len(names) != 3 || names[0] != "audit-first.jsonl" {
		t.Errorf("the pod that was idle has no file: %v", names)
	}
}

func TestWhatAFileDoesNotTakeIsOnStdout(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := audit.New(audit.Options{Pod: "p", Stdout: &out})
	log.Use(config.Audit{Output: config.AuditFile, File: &config.AuditFiles{Folder: "/nonexistent", MaxSize: 1000, Keep: 1}})
	s := log.Session("ftp", 7, client)
	s.Work(audit.Checksum, "u", "HASH", "/f", nil)
	if got := parse(t, out.String()); len(got) != 1 || got[0].Path != "/f" {
		t.Errorf("got %s", out.String())
	}
	log.Use(config.Audit{Output: config.AuditStdout})
	s.Work(audit.Checksum, "u", "HASH", "/g", nil)
	if got := parse(t, out.String()); len(got) != 2 || got[1].Path != "/g" {
		t.Errorf("after it was switched to Stdout: %s", out.String())
	}
}
