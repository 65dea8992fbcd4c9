package sftp

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/time/rate"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// A Conn is one SSH connection. Its methods may be called from any goroutine.
type Conn struct {
	server   *Server
	listener ListenerOptions
	id       uint64
	start    time.Time
	remote   netip.AddrPort
	local    netip.AddrPort
	wire     *wire
	ahead    ahead
	ctx      context.Context // ends with the connection
	cancel   context.CancelFunc
	log      *slog.Logger
	activity activity
	budgets  budgets

	exchanges *rate.Limiter // of keys
	account   *account      // of the user; nil before login
	own       conns.Own[Limits]
	stats     stats
	rates     rates
	hostKeys  []ssh.Signer
	draining  chan struct{}  // closed when the server drains
	work      sync.WaitGroup // channels that are being served

	mu       sync.Mutex
	client   string // identification, without "SSH-2.0-"
	user     string
	session  Session // nil before login
	sshConn  *ssh.ServerConn
	channels map[*channel]struct{}
	drained  bool
	ending   *conns.Ending // why the server ends it
}

// stats are what a SessionRecord counts.
type stats struct {
	commands     atomic.Int64
	downloaded   atomic.Int64
	uploaded     atomic.Int64
	failedLogins atomic.Int64
}

// ID returns a number that no other connection of the server has.
func (c *Conn) ID() uint64 { return c.id }

// RemoteAddr returns the address of the client.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.remote }

// LocalAddr returns the address to which the client has connected.
func (c *Conn) LocalAddr() netip.AddrPort { return c.local }

// Listener returns the properties of the listener that accepted it.
func (c *Conn) Listener() ListenerOptions { return c.listener }

// User returns the name of the user who is logged in, or "".
func (c *Conn) User() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user
}

// ClientVersion returns what the client calls itself, without "SSH-2.0-".
func (c *Conn) ClientVersion() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.client
}

// SessionInfo describes a connection.
type SessionInfo struct {
	ID        uint64
	User      string // "" before login
	Remote    netip.AddrPort
	Local     netip.AddrPort
	Listener  ListenerOptions
	Start     time.Time
	Client    string // its identification, without "SSH-2.0-"
	Channels  int
	Handles   int // open files and directories
	Idle      time.Duration
	Bytes     int64 // of files, in both directions
	Transfers int   // that run
}

func (c *Conn) info() SessionInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	return SessionInfo{
		ID: c.id, User: c.user, Remote: c.remote, Local: c.local, Listener: c.listener, Start: c.start,
		Client: c.client, Channels: len(c.channels), Handles: int(c.activity.handles.Load()), Idle: c.activity.idle(),
		Bytes: c.stats.downloaded.Load() + c.stats.uploaded.Load(), Transfers: c.activity.transfers(),
	}
}
