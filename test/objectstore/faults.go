package objectstore

import (
	"net/http"
	"strconv"
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
)

func (f Fault) before(w http.ResponseWriter) (answered bool) {
	switch f {
	case Busy:
		errorXML(w, http.StatusServiceUnavailable, "SlowDown")
	case Denied:
		errorXML(w, http.StatusForbidden, "AccessDenied")
	case Inside:
		errorXML(w, http.StatusOK, "InternalError")
	case Reset:
		panic(http.ErrAbortHandler)
	case None, Lost, Cut:
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
	out.send(w, r)
}
