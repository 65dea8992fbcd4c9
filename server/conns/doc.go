// Package conns holds the connections that a server has: it accepts them,
// lists them, and ends them in good order. What a connection is, and what ends
// it without a cut, is up to the protocol. It depends on the standard library
// only.
package conns
