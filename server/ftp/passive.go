package ftp

import (
	"context"
	"net"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

// A PeerCheck says how the server knows that a passive data connection comes
// from the client that asked for it.
type PeerCheck int

const (
	// PeerAddress wants the address of the control connection. Clients of
	// different addresses share a port at the same time.
	PeerAddress PeerCheck = iota
	// PeerTLSSession wants a protected data connection to resume the TLS
	// session of the control connection, and ignores its address: for where
	// addresses are rewritten on the way. A port then awaits one client at a
	// time. Data connections without TLS are checked by address still, since
	// nothing else tells whose they are.
	PeerTLSSession
	// PeerAny takes the first connection, whoever makes it: for where addresses
	// are rewritten on the way, and clients without TLS or without session
	// resumption must be served all the same. Data can be stolen or forged by
	// whoever connects first. A port then awaits one client at a time.
	PeerAny
)

// SetPeerCheck replaces Options.PeerCheck while the server runs. It counts for
// commands that come from then on.
func (s *Server) SetPeerCheck(check PeerCheck) { s.peerCheck.Store(int32(check)) }

func (s *Server) currentPeerCheck() PeerCheck { return PeerCheck(s.peerCheck.Load()) }

// passiveSource is a connection that is awaited.
type passiveSource struct{ *passive.Wait }

func (s passiveSource) next(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	return s.Next(ctx, timeout)
}

func (passiveSource) passive() bool { return true }
func (s passiveSource) close()      { s.Close() }
