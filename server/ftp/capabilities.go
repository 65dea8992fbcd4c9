package ftp

import "strings"

// conditional are the verbs that are not always of use, with the condition. Those that not
// every session can do follow from the interfaces that it implements, so that FEAT and HELP
// promise no more than it keeps.
var conditional = map[string]func(*Conn, Session) bool{
	"PORT": (*Conn).offersActive,
	"EPRT": (*Conn).offersActive,

	"AUTH": (*Conn).offersTLS,
	"PBSZ": (*Conn).offersTLS,
	"PROT": (*Conn).offersTLS,
	"CCC":  func(*Conn, Session) bool { return false }, // see cmdCcc

	"AVBL": implements[spaceReporter],
	"MFMT": implements[modTimeSetter],
	"MFCT": implements[createTimeSetter],
	"MFF":  func(_ *Conn, s Session) bool { return settableFacts(s) != "" },

	"SITE CHMOD":   implements[chmodder],
	"SITE SYMLINK": implements[symlinker],
	"SITE UTIME":   implements[modTimeSetter],
}

func implements[T any](_ *Conn, s Session) bool {
	_, ok := s.(T)
	return ok
}

func (c *Conn) offersActive(Session) bool { return !c.settings().NoActive }
func (c *Conn) offersTLS(Session) bool    { return c.tlsPolicy() != TLSDisabled }

// sample is the session or, if nobody is logged in yet, one that can do the same; nil
// if the backend has none, which then can do what every session can.
func (c *Conn) sample() Session {
	if b, ok := c.server.opts.Backend.(sampleBackend); ok && c.state.session == nil {
		return b.SampleSession()
	}
	return c.state.session
}

// offers reports whether a verb that exists is of use in a session.
func (c *Conn) offers(verb string, session Session) bool {
	condition := conditional[verb]
	return condition == nil || condition(c, session)
}

// settableFacts are those of MFF, each ended by a semicolon.
func settableFacts(s Session) string {
	var list strings.Builder
	for _, fact := range []struct {
		name string
		can  func(*Conn, Session) bool
	}{{"Modify;", implements[modTimeSetter]}, {"Create;", implements[createTimeSetter]}, {"UNIX.mode;", implements[chmodder]}} {
		if fact.can(nil, s) {
			list.WriteString(fact.name)
		}
	}
	return list.String()
}
