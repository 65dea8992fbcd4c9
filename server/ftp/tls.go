package ftp

import (
	"bytes"
	"context"
	"crypto/fips140"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"hash/maphash"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// A lineage names TLS sessions that belong together: that of a control
// connection and all that were resumed from it. It travels in session tickets,
// encrypted, and is how a data connection is known to belong to a control
// connection, in TLS 1.2 and 1.3 alike, and however often a ticket is used.
type lineage [16]byte

var lineageTag = []byte("fileserver-ftp/")

func newLineage() (l lineage) {
	rand.Read(l[:])
	return l
}

func lineageOf(extra [][]byte) (l lineage, ok bool) {
	for _, e := range extra {
		if id, found := bytes.CutPrefix(e, lineageTag); found && len(id) == len(l) {
			return lineage(id), true
		}
	}
	return l, false
}

// ticketKeys encrypt session tickets. All connections share them, since a
// ticket of the control connection comes back on data connections.
type ticketKeys struct {
	mu   sync.Mutex
	keys [][32]byte // the newest first
	next time.Time
}

// current returns the keys, with a new one each day. Old ones are kept as
// long as tickets are valid.
func (t *ticketKeys) current() [][32]byte {
	const lifetime, kept = 24 * time.Hour, 8
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); !now.Before(t.next) {
		var key [32]byte
		rand.Read(key[:])
		keys := append([][32]byte{key}, t.keys...)
		t.keys, t.next = keys[:min(len(keys), kept)], now.Add(lifetime)
	}
	return t.keys
}

// tickets is what a handshake has to do with lineages.
type tickets struct {
	own     lineage // that new tickets are issued for
	offered lineage // of the ticket that the client came with, if any
	used    uint64  // a hash of that ticket
	adopt   bool    // if the client resumes a session, own becomes its lineage

	// upload is whether the client only sends. Many such clients read nothing, and
	// close: with a ticket of TLS 1.3 left unread, that is a reset, which takes along
	// what they have sent. (RFC 8446 section 4.6.1 lets a server send none.)
	upload bool
	// must is whether a client is refused that resumes no session of this server, and
	// proven is called, if it is not nil, when it is about to resume one.
	must   bool
	proven func(lineage)
}

// errNotResumed refuses a client that has to resume a session.
var errNotResumed = errors.New("ftp: the TLS session of the control connection is not resumed")

// willBe13 reports whether a handshake will be one of TLS 1.3.
func willBe13(hello *tls.ClientHelloInfo, config *tls.Config) bool {
	return (config.MaxVersion == 0 || config.MaxVersion >= tls.VersionTLS13) &&
		slices.Contains(hello.SupportedVersions, tls.VersionTLS13)
}

// extensionPSK is in a ClientHello of TLS 1.3 that has a ticket (RFC 8446 section 4.2).
const extensionPSK = 41

// check is called with a ClientHello, before config is used.
func (t *tickets) check(hello *tls.ClientHelloInfo, config *tls.Config) error {
	resumes := slices.Contains(hello.Extensions, extensionPSK)
	switch {
	case !willBe13(hello, config):
	case resumes && !t.adopt && config.CurvePreferences == nil && slices.Contains(hello.SupportedCurves, tls.X25519) && !fips140.Enabled():
		// What keeps quantum computers out is in the keys of the session that is resumed,
		// from which those of the data connection are derived (RFC 8446 section 7.1). To
		// exchange such keys for each small file is a tenth of the server's work.
		config.CurvePreferences = []tls.CurveID{tls.X25519}
	case resumes:
	case t.must:
		return errNotResumed
	default:
		config.SessionTicketsDisabled = t.upload
	}
	return nil
}

// take is called with the ticket that a client has come with, after it was decrypted.
func (t *tickets) take(identity []byte, l lineage, version uint16, config *tls.Config) {
	t.offered, t.used = l, maphash.Bytes(ticketSeed, identity)
	if version == tls.VersionTLS13 {
		config.SessionTicketsDisabled = t.upload // from here on: it was asked before
	}
	if t.proven != nil {
		t.proven(l)
	}
}

var ticketSeed = maphash.MakeSeed()

// chooseProtocol answers ALPN (RFC 7301). Who names other protocols only was led here by
// somebody in the middle, or is lost. Who names none, as most clients, is served, and so is
// who names only one of its own for the same.
func chooseProtocol(hello *tls.ClientHelloInfo, config *tls.Config) {
	known := []string{"ftp", "ftp-data"}
	names := func(what func(name string) bool) bool { return slices.ContainsFunc(hello.SupportedProtos, what) }
	ours := names(func(name string) bool { return slices.Contains(known, name) })
	own := names(func(name string) bool { return strings.Contains(name, "ftp") })
	if config.NextProtos == nil && (ours || !own) {
		config.NextProtos = known
	}
}

// tlsServer returns a TLS connection over nc for this session. Its secrets are
// written to secrets, if that is not nil.
func (c *Conn) tlsServer(nc net.Conn, t *tickets, secrets io.Writer) *tls.Conn {
	return tls.Server(nc, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if c.server.opts.TLSConfig == nil {
			return nil, errors.New("ftp: Options.TLSConfig is not set")
		}
		config, err := c.server.opts.TLSConfig(c, hello)
		switch {
		case err != nil:
			return nil, err
		case config == nil:
			return nil, errors.New("ftp: no TLS configuration for this client")
		}
		config = config.Clone()
		config.SessionTicketsDisabled = false
		chooseProtocol(hello, config)
		if err := t.check(hello, config); err != nil {
			return nil, err
		}
		config.DynamicRecordSizingDisabled = true
		config.KeyLogWriter = secrets
		config.SetSessionTicketKeys(c.server.tickets.current())
		config.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
			if t.adopt && cs.DidResume {
				t.own = t.offered
			}
			ss.Extra = append(ss.Extra, append(bytes.Clone(lineageTag), t.own[:]...))
			return config.EncryptTicket(cs, ss)
		}
		config.UnwrapSession = func(identity []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
			ss, err := config.DecryptTicket(identity, cs)
			if ss != nil {
				// One of another server that has the same keys by chance
				// of configuration is no ticket of ours.
				l, ok := lineageOf(ss.Extra)
				if !ok {
					return nil, nil
				}
				t.take(identity, l, cs.Version, config)
			}
			return ss, err
		}
		return config, nil
	}})
}

// startTLS does the TLS handshake on the control connection. What the client
// sent in plaintext after AUTH is thrown away: whoever could insert it on the
// way could otherwise have it executed under the protection that follows.
func (c *Conn) startTLS() error {
	c.in.reset()
	// A resumed control connection stays in the lineage of its ticket, because
	// its client may go on using that ticket for data connections.
	t := &tickets{own: newLineage(), adopt: true}
	tc := c.tlsServer(&synchConn{Conn: c.raw}, t, nil)
	timeout := orForever(c.limits().WriteTimeout)
	if c.limits().LoginTimeout > 0 {
		timeout = min(timeout, time.Until(c.loginBy()))
	}
	ctx, cancel := context.WithTimeout(c.ctx, timeout)
	defer cancel()
	c.raw.SetDeadline(time.Time{})
	if err := c.mustStop(); err != nil {
		return err // stop has not interrupted what follows
	}
	if err := tc.HandshakeContext(ctx); err != nil {
		c.server.opts.Logger.Debug("TLS handshake failed", "remote", c.remote, "listener", c.listener.Name, "error", err)
		return err
	}
	state := tc.ConnectionState()
	if state.DidResume {
		t.own = t.offered
	}
	c.mu.Lock()
	c.tls, c.lineage = &state, t.own
	c.mu.Unlock()
	c.writing.Lock()
	c.nc = tc
	c.writing.Unlock()
	return nil
}

// protectionMissing reports whether a data connection would lack the
// protection that the listener requires.
func (c *Conn) protectionMissing() bool {
	return !c.state.protected && c.tlsPolicy() == TLSRequired
}

func orForever(d time.Duration) time.Duration {
	if d <= 0 {
		return 1<<63 - 1
	}
	return d
}
