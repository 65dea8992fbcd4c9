package ftp

// capabilities are what a session can do that not every one can. They follow from
// the interfaces that it implements, so that FEAT and HELP promise no more than it
// keeps.
type capabilities struct {
	chmod, modTime, createTime, symlink, space bool
}

func capabilitiesOf(session Session) (can capabilities) {
	_, can.chmod = session.(Chmodder)
	_, can.modTime = session.(ModTimeSetter)
	_, can.createTime = session.(createTimeSetter)
	_, can.symlink = session.(Symlinker)
	_, can.space = session.(SpaceReporter)
	return can
}

// capabilities are those of the session, or of any if nobody is logged in yet: as the
// backend says, or else what every session can do.
func (c *Conn) capabilities() capabilities {
	if c.state.session != nil {
		return capabilitiesOf(c.state.session)
	}
	if b, ok := c.server.opts.Backend.(sampleBackend); ok {
		return capabilitiesOf(b.SampleSession())
	}
	return capabilities{}
}

// conditional are the verbs that are not always of use, those of SITE with "SITE "
// before them.
var conditional = map[string]func(*Conn, capabilities) bool{
	"PORT": (*Conn).offersActive,
	"EPRT": (*Conn).offersActive,

	"AUTH": (*Conn).offersTLS,
	"PBSZ": (*Conn).offersTLS,
	"PROT": (*Conn).offersTLS,
	"CCC":  func(*Conn, capabilities) bool { return false }, // see cmdCcc

	"AVBL": func(_ *Conn, can capabilities) bool { return can.space },
	"MFMT": func(_ *Conn, can capabilities) bool { return can.modTime },
	"MFCT": func(_ *Conn, can capabilities) bool { return can.createTime },
	"MFF":  func(_ *Conn, can capabilities) bool { return can.modTime || can.createTime || can.chmod },

	"SITE CHMOD":   func(_ *Conn, can capabilities) bool { return can.chmod },
	"SITE SYMLINK": func(_ *Conn, can capabilities) bool { return can.symlink },
	"SITE UTIME":   func(_ *Conn, can capabilities) bool { return can.modTime },
}

func (c *Conn) offersActive(capabilities) bool { return !c.server.noActive.Load() }

func (c *Conn) offersTLS(capabilities) bool {
	return c.tlsPolicy() != TLSDisabled
}

// offers reports whether a verb that exists is of use in the session.
func (c *Conn) offers(verb string, can capabilities) bool {
	condition := conditional[verb]
	return condition == nil || condition(c, can)
}

// settableFacts are those of MFF, each ended by a semicolon.
func (can capabilities) settableFacts() (list string) {
	for _, fact := range []struct {
		name string
		can  bool
	}{{"Modify", can.modTime}, {"Create", can.createTime}, {"UNIX.mode", can.chmod}} {
		if fact.can {
			list += fact.name + ";"
		}
	}
	return list
}
