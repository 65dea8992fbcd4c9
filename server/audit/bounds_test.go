package audit_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
)

func TestWhoCausesTooManyLinesIsSlowedDownAndLosesNone(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := audit.New(audit.Options{Stdout: &out, Pod: "p"})
	const free, more = 20_000, 500 // at 1,000 a second
	began := time.Now()
	for n := range free + more {
		log.Session("ftp", uint64(n), client).Work(audit.Checksum, "u", "HASH", "/f", nil)
	}
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("%d lines took %v", free+more, took)
	}
	if lines := bytes.Count(out.Bytes(), []byte("\n")); lines != free+more {
		t.Errorf("there are %d lines, of %d", lines, free+more)
	}
	began = time.Now()
	log.Session("ftp", 1, client).Work(audit.Checksum, "another", "HASH", "/f", nil)
	if took := time.Since(began); took > 400*time.Millisecond {
		t.Errorf("another user waits for %v", took)
	}
}

func TestRefusalsOfAUserAreBoundedOverAllSessions(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := audit.New(audit.Options{Stdout: &out, Pod: "p"})
	for n := range 100 {
		s := log.Session("ftp", uint64(n), client)
		for f := range 20 {
			s.Work(audit.Checksum, "u", "HASH", fmt.Sprint("/", f), fs.ErrPermission)
		}
	}
	if lines := bytes.Count(out.Bytes(), []byte("\n")); lines < 200 || lines > 230 {
		t.Errorf("2000 refusals have %d lines", lines)
	}
}
