package audit

import "time"

// A Transfer is one of a file.
type Transfer struct {
	User     string
	Event    Event // Upload or Download
	Via      string
	Verb     string
	Path     string
	Offset   int64
	Bytes    int64
	Duration time.Duration
	TLS      string
	Err      error // nil if it is complete
	Cut      bool  // the client, or a connection, has gone before the end
}

// Transfer tells of a transfer that has ended.
func (s *Session) Transfer(t Transfer) {
	r := s.record(t.Event, t.User)
	ms := t.Duration.Milliseconds()
	r.Via, r.Verb, r.Path, r.Offset, r.Bytes, r.Duration, r.TLS = t.Via, t.Verb, t.Path, t.Offset, &t.Bytes, &ms, t.TLS
	r.fail(t.Err)
	if t.Err != nil && t.Cut {
		r.Result, r.Reason = Aborted, TransferCut
	}
	s.happened(r)
}

// Work tells of what a session has had done to a file that is neither a transfer nor a
// change of its tree, such as a checksum.
func (s *Session) Work(e Event, user, verb, path string, err error) {
	r := s.record(e, user)
	r.Verb, r.Path = verb, path
	r.fail(err)
	if err != nil {
		s.refuse(r)
		return
	}
	s.happened(r)
}

// happened writes a line of what cannot be left out. The client waits for it if it has
// caused more than others can read.
func (s *Session) happened(r Record) {
	s.log.count(&r)
	if s.log.off() {
		return
	}
	s.flush()
	s.log.write(r)
	s.pause(r.User)
}

// pause lets a client wait that causes too many lines.
func (s *Session) pause(user string) {
	now := time.Now()
	wait := max(
		s.allowance(user).changes.ReserveN(now, 1).DelayFrom(now),
		s.log.all.ReserveN(now, 1).DelayFrom(now),
	)
	if wait > 0 {
		time.Sleep(wait)
	}
}

func (s *Session) allowance(user string) *allowance {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.allowed == nil {
		s.allowed = s.log.allowance(user)
	}
	return s.allowed
}

// refuse writes a line of what was refused, or has failed. What a client repeats has one
// line more, which says how often, and what is too much has none.
func (s *Session) refuse(r Record) {
	s.log.count(&r)
	s.mu.Lock()
	same := s.refusal == r
	if same {
		s.repeated++
	}
	s.mu.Unlock()
	if same {
		return
	}
	s.flush()
	s.mu.Lock()
	s.refusal = r
	s.mu.Unlock()
	s.tryRefusal(r, 1)
}

// flush tells how often the last refusal has come again.
func (s *Session) flush() {
	s.mu.Lock()
	r, times := s.refusal, s.repeated
	s.refusal, s.repeated = Record{}, 0
	s.mu.Unlock()
	if times > 0 {
		r.Times = times
		s.tryRefusal(r, times)
	}
}

func (s *Session) tryRefusal(r Record, times int) {
	if s.allowance(r.User).refusals.Allow() {
		s.log.write(r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.omitted += times
}

// finish tells what was left out. It is called when a user's tree is closed.
func (s *Session) finish(user string) {
	s.flush()
	s.mu.Lock()
	omitted := s.omitted
	s.omitted, s.allowed = 0, nil // the next user has another
	s.mu.Unlock()
	if omitted > 0 {
		r := s.record(Omitted, user)
		r.Result, r.Times = Refused, omitted
		s.log.count(&r)
		s.log.write(r)
	}
}
