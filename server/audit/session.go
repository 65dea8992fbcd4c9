package audit

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Session has the lines of one connection. Its methods may be called from several
// goroutines.
type Session struct {
	log      *Log
	protocol string
	id       string
	remote   netip.AddrPort
	since    time.Time

	mu       sync.Mutex
	started  bool   // there is a line of its start
	refusal  Record // the last one, to see whether the next is the same
	repeated int    // how often it has come again
	omitted  int    // refusals without a line
	allowed  *allowance
}

// Session begins the lines of a connection. Nothing is written before the client does
// something: health checks connect and leave.
func (l *Log) Session(protocol string, id uint64, remote netip.AddrPort) *Session {
	return &Session{
		log: l, protocol: protocol, id: fmt.Sprintf("%s-%s-%d", l.opts.Run, protocol, id), remote: remote, since: l.opts.Now(),
	}
}

// Identify returns what else tells of the session: its protocol, what no other session of the
// server has, and the address of the client.
func (s *Session) Identify() (protocol, id, address string) {
	return s.protocol, s.id, s.remote.Addr().Unmap().String()
}

// record is what all lines of the session have in common.
func (s *Session) record(e Event, user string) Record {
	return Record{
		Event: e, Result: Success, Protocol: s.protocol, Session: s.id, User: user,
		Address: s.remote.Addr().Unmap().String(), Port: s.remote.Port(),
	}
}

// stranger writes a line about somebody who may never have logged in.
func (s *Session) stranger(r Record) {
	s.log.count(&r)
	if s.log.opts.Strangers == nil || s.log.opts.Strangers(s.remote.Addr()) {
		s.log.write(r)
	}
}

// start writes that the session has begun, if that is not written yet.
func (s *Session) start() {
	s.mu.Lock()
	started := s.started
	s.started = true
	s.mu.Unlock()
	if !started {
		r := s.record(SessionStart, "")
		r.Time = s.since.UTC().Format(stamp)
		s.stranger(r)
	}
}

// Denied says that the connection was not taken at all.
func (s *Session) Denied(why Reason, message string) {
	r := s.record(SessionStart, "")
	r.Result, r.Reason, r.Message = Refused, why, message
	s.stranger(r)
}

// An Attempt is one to log in.
type Attempt struct {
	User   string
	Method string
	Key    string // its fingerprint, or ""
	Again  bool   // the connection has logged in before
	// Refused says why it failed, with a message; empty: it did not.
	Refused Reason
	Message string
}

// Login tells of an attempt to log in.
func (s *Session) Login(a Attempt) {
	s.start()
	r := s.record(Login, a.User)
	r.Method, r.Key = a.Method, a.Key
	switch {
	case a.Refused != "":
		r.Result, r.Reason, r.Message = Refused, a.Refused, a.Message
		s.stranger(r)
	case a.Again: // who logs in again and again has no more lines than a stranger
		s.stranger(r)
	default:
		s.log.count(&r)
		s.log.write(r)
	}
}

// A Summary is what a session has done, or what a user has done until logging out.
type Summary struct {
	User       string // "" if nobody logged in
	Duration   time.Duration
	Commands   int // zero is a probe
	Downloaded int64
	Uploaded   int64
	TLS        string
	Cipher     string
	Client     string
	Reason     string // the protocol's word for why it has ended
}

// Logout says that a user has logged out of a connection that goes on.
func (s *Session) Logout(sum Summary) { s.stranger(s.summary(Logout, sum)) }

// End says that the connection has ended. Of one that was a probe there is no line.
func (s *Session) End(sum Summary) {
	if sum.Commands == 0 {
		if s.log.opts.Log != nil {
			s.log.opts.Log.Debug("probe", "protocol", s.protocol, "remote", s.remote.String(), "reason", sum.Reason)
		}
		return
	}
	s.start()
	r := s.summary(SessionEnd, sum)
	if sum.User == "" {
		s.stranger(r)
		return
	}
	s.log.count(&r)
	s.log.write(r)
}

func (s *Session) summary(e Event, sum Summary) Record {
	r := s.record(e, sum.User)
	ms := sum.Duration.Milliseconds()
	r.Duration, r.Commands, r.Download, r.Upload = &ms, &sum.Commands, &sum.Downloaded, &sum.Uploaded
	r.TLS, r.Cipher, r.Client = sum.TLS, sum.Cipher, sum.Client
	if r.Reason = ending[sum.Reason]; r.Reason == "" {
		r.Reason = Error
	}
	return r
}
