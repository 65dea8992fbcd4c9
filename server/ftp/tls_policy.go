package ftp

import "crypto/tls"

// What is wrong with the TLS of a session, or with that it has none.
var (
	errTLSNeeded         = &Error{530, "TLS is required: use AUTH TLS first"}
	errTLSTooOld         = &Error{530, "A newer version of TLS is required"}
	errCertificateNeeded = &Error{530, "A certificate of the client is required"}
)

// reviewTLS ends the connection if it does something that is not admitted. Whoever
// begins such a thing stores that before he looks at the settings, and Set the other
// way round, so that one of them sees the other.
func (c *Conn) reviewTLS() {
	c.mu.Lock()
	loggedIn, state := c.user != "", c.tls
	c.mu.Unlock()
	j, refused := c.current.Load(), c.refusal(state)
	switch {
	case loggedIn && refused != nil:
		c.endSession(refused.Text)
	case j != nil && j.plain && c.tlsPolicy() == TLSRequired:
		c.endSession(errUnprotected.Text)
	}
}

// tlsPolicy is the one in force for the connection.
func (c *Conn) tlsPolicy() TLSPolicy {
	if c.listener.Implicit {
		return TLSRequired
	}
	return c.settings().TLS
}

// refusal returns why a session may not be with that TLS, or none; nil if it may.
func (c *Conn) refusal(state *tls.ConnectionState) *Error {
	settings := c.settings()
	switch {
	case state == nil && c.tlsPolicy() == TLSRequired:
		return errTLSNeeded
	case state == nil:
	case state.Version < settings.MinTLSVersion:
		return errTLSTooOld
	case settings.ClientCertificate && len(state.PeerCertificates) == 0:
		return errCertificateNeeded
	}
	return nil
}
