package sftp

import (
	"testing"
	"time"
)

// since makes the last request one of so long ago.
func (a *activity) since(d time.Duration) { a.last.Store(sinceEpoch() - int64(d)) }

// inFile has a file open that is being read or written.
func (a *activity) inFile() {
	a.handles.Add(1)
	a.files.Add(1)
}

func TestADrainEndsASessionOnlyWhereNothingIsCut(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(*activity)
		quiet   time.Duration // since the last request
		hurry   bool
		want    bool
	}{
		"just asked for something":             {func(a *activity) { a.touch() }, 0, false, false},
		"quiet, as between two files":          {func(a *activity) { a.touch() }, drainQuiet / 2, false, false},
		"quiet for longer":                     {func(a *activity) { a.touch() }, 2 * drainQuiet, false, true},
		"quiet with a file open":               {func(a *activity) { a.handles.Add(1) }, drainOpen / 2, false, false},
		"quiet with a file it does not read":   {func(a *activity) { a.handles.Add(1) }, 2 * drainOpen, false, true},
		"quiet in a file":                      {(*activity).inFile, 2 * drainOpen, false, false},
		"quiet with a file open it left":       {(*activity).inFile, 2 * drainStale, false, true},
		"a request that takes long":            {func(a *activity) { a.begin(false) }, 2 * drainStale, false, false},
		"a request that has just been served":  {func(a *activity) { a.begin(false); a.since(2 * drainStale); a.done() }, 0, false, false},
		"in a hurry, between two files":        {func(a *activity) { a.touch() }, drainQuiet / 2, true, true},
		"in a hurry, with a file open":         {func(a *activity) { a.handles.Add(1) }, drainOpen / 2, true, false},
		"in a hurry, in a file":                {(*activity).inFile, 2 * drainOpen, true, false},
		"in a hurry, in a request":             {func(a *activity) { a.begin(false) }, drainQuiet / 2, true, false},
		"in a hurry, with a file it left":      {(*activity).inFile, 2 * drainStale, true, true},
		"in a hurry, before a reply is sent":   {func(a *activity) { a.replies.Add(1) }, drainQuiet / 2, true, false},
		"quiet, with a reply that is not read": {func(a *activity) { a.replies.Add(1) }, 2 * drainStale, false, false},
	} {
		a := &activity{}
		tc.prepare(a)
		if got := a.drainedAt(a.last.Load()+int64(tc.quiet), tc.hurry); got != tc.want {
			t.Errorf("%s: drained is %v", name, got)
		}
	}
}

func TestNothingBeginsAfterTheEndOfADrain(t *testing.T) {
	a := &activity{}
	a.since(2 * drainQuiet)
	if !a.drained(false) {
		t.Fatal("an idle session is not drained")
	}
	if a.begin(false) {
		t.Error("a request was served after the session was said to be idle: its file would be cut")
	}
	if !a.drained(false) {
		t.Error("the request that came too late brought the session back")
	}
}

func TestInAHurryNothingBeginsBetweenTwoFiles(t *testing.T) {
	a := &activity{}
	a.handles.Add(1)
	if !a.begin(true) {
		t.Error("a request about an open file was not served")
	}
	a.handles.Add(-1) // it closes the file
	if !a.begin(true) {
		t.Error("a request was not served while another one was")
	}
	a.done()
	a.done()
	if a.begin(true) || a.begin(false) {
		t.Error("a request between two files was served")
	}
	a.replies.Add(1)
	if a.drained(true) {
		t.Error("the session is drained with a reply that is not sent yet")
	}
	a.replies.Add(-1)
	if !a.drained(true) {
		t.Error("the session is not drained")
	}
}
