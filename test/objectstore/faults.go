package objectstore

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// A Fault is how a request fails.
type Fault int

// How requests fail.
const (
	// None: it does not.
	None Fault = iota
	// Busy is 503 SlowDown, and nothing is done.
	Busy
	// Denied is 403 AccessDenied, and nothing is done.
	Denied
	// Reset closes the connection before anything is done.
	Reset
	// Lost closes the connection after it was done, before a word is said.
	Lost
	// Cut closes the connection in the middle of the answer's body.
	Cut
	// Inside is 200 with an error in the body, as for long copies; nothing is done.
	Inside
	// Hung says nothing after it was done, until the client has gone.
	Hung
	// Slow answers in pieces, with pauses that no client should take for silence.
	Slow
	// Skewed is 403 RequestTimeTooSkewed, and nothing is done, unless the request was signed by
	// a clock that is an hour ahead, as the store's is said to be.
	Skewed
)

// skew is how far the clock of a store is ahead that is skewed, and tolerance by how much
// S3 lets another clock differ.
const (
	skew      = time.Hour
	tolerance = 15 * time.Minute
)

// tooSkewed reports whether a request is refused by a clock that is ahead.
func tooSkewed(w http.ResponseWriter, r *http.Request) bool {
	now := time.Now().Add(skew)
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	return err != nil || now.Sub(signed).Abs() > tolerance
}

func (f Fault) before(w http.ResponseWriter, r *http.Request) (answered bool) {
	switch f {
	case Busy:
		errorXML(w, http.StatusServiceUnavailable, "SlowDown")
	case Denied:
		errorXML(w, http.StatusForbidden, "AccessDenied")
	case Inside:
		errorXML(w, http.StatusOK, "InternalError")
	case Reset:
		panic(http.ErrAbortHandler)
	case Skewed:
		if !tooSkewed(w, r) {
			return false
		}
		errorXML(w, http.StatusForbidden, "RequestTimeTooSkewed")
	case None, Lost, Cut, Hung, Slow:
		return false
	}
	return true
}

func errorXML(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write([]byte("<Error><Code>" + code + "</Code><Message>so the test wants it</Message></Error>"))
}

func (f Fault) after(w http.ResponseWriter, r *http.Request, out *answer) {
	if f == Lost {
		panic(http.ErrAbortHandler)
	}
	if f == Cut && len(out.body) > 1 {
		out.header.Set("Content-Length", strconv.Itoa(len(out.body)))
		out.body = out.body[:len(out.body)/2]
		out.send(w, r)
		_ = http.NewResponseController(w).Flush() // what is there, and no more
		panic(http.ErrAbortHandler)
	}
	if f == Hung {
		<-r.Context().Done()
		return
	}
	if f == Slow {
		w = slowly{w}
	}
	out.send(w, r)
}

// slowly writes little by little.
type slowly struct{ http.ResponseWriter }

func (s slowly) Write(p []byte) (n int, err error) {
	for piece := range slices.Chunk(p, max(1, len(p)/4+1)) {
		time.Sleep(5 * time.Millisecond) // so slow is the store
		more, err := s.ResponseWriter.Write(piece)
		n += more
		if err == nil {
			err = http.NewResponseController(s.ResponseWriter).Flush()
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
