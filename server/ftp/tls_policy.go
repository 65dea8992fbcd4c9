package ftp

import "crypto/tls"

// A tlsRule is what a server wants of control connections.
type tlsRule struct {
	policy     TLSPolicy
	minVersion uint16
}

// SetTLS replaces what is wanted of control connections while the server runs: policy, in
// place of ListenerOptions.TLS, for all listeners that are not implicit, and for all the
// oldest version of TLS with which sessions may be. (The handshake itself goes by the
// configuration that Options.TLSConfig returns, which has to say the same.)
//
// Sessions that would not be admitted any more are ended, and their transfers cut: with
// TLSRequired, those that have logged in without TLS, and those that transfer without it.
// No such login and no such transfer succeeds once SetTLS has returned. Sessions that use
// TLS go on with TLSDisabled.
func (s *Server) SetTLS(policy TLSPolicy, minVersion uint16) {
	s.tlsRule.Store(&tlsRule{policy, minVersion})
	for _, c := range s.conns.All() {
		c.reviewTLS()
	}
}

// reviewTLS ends the connection if it does something that is not admitted. Whoever
// begins such a thing stores that before he looks at the rule, and SetTLS the other
// way round, so that one of them sees the other.
func (c *Conn) reviewTLS() {
	c.mu.Lock()
	loggedIn, state := c.user != "", c.tls
	c.mu.Unlock()
	j := c.current.Load()
	switch {
	case loggedIn && !c.admits(state):
		c.endSession(errTLSNeeded.Text)
	case j != nil && j.plain && c.tlsPolicy() == TLSRequired:
		c.endSession(errUnprotected.Text)
	}
}

// tlsPolicy is the one in force for the connection.
func (c *Conn) tlsPolicy() TLSPolicy {
	switch rule := c.server.tlsRule.Load(); {
	case c.listener.Implicit:
		return TLSRequired
	case rule != nil:
		return rule.policy
	}
	return c.listener.TLS
}

// tlsMissing reports whether the control connection lacks the TLS that is wanted.
// It is for the control goroutine.
func (c *Conn) tlsMissing() bool { return !c.admits(c.TLS()) }

// admits reports whether a session may be with that TLS, or none.
func (c *Conn) admits(state *tls.ConnectionState) bool {
	if state == nil {
		return c.tlsPolicy() != TLSRequired
	}
	rule := c.server.tlsRule.Load()
	return rule == nil || state.Version >= rule.minVersion
}
