package sftp

import (
	"cmp"
	"context"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/conns"
)

// A channel is a session channel (RFC 4254 section 6): SFTP, or one command.
type channel struct {
	conn    *Conn
	session Session
	ssh     ssh.Channel
	ctx     context.Context
	cancel  context.CancelFunc

	started bool // it has a program; only used by requests
	finish  sync.Once
	stderr  sync.Mutex
	sending atomic.Int64 // since when the client has read nothing of what is sent to it, or 0
	input   input
}

// programWait is how long a channel may be open before it is said what for.
const programWait = 30 * time.Second

// What clients are told that ask for something that is not here.
const (
	textFilesOnly  = "This server only serves files, with SFTP and scp."
	textForwarding = "this server only serves files: there is no forwarding"
)

// openChannel accepts a session channel, and refuses all others.
func (c *Conn) openChannel(nc ssh.NewChannel, session Session) {
	switch limits := c.limits(); {
	case nc.ChannelType() != "session":
		nc.Reject(ssh.Prohibited, textForwarding)
		return
	case limits.MaxChannels > 0 && c.openChannels() >= limits.MaxChannels:
		nc.Reject(ssh.ResourceShortage, "too many channels on one connection")
		return
	}
	sshChannel, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	ch := &channel{conn: c, session: session, ssh: sshChannel}
	ch.ctx, ch.cancel = context.WithCancel(c.ctx)
	ch.input.init(sshChannel, &c.wire.inflow)
	c.mu.Lock()
	e := c.ending
	c.channels[ch] = struct{}{}
	c.mu.Unlock()
	if e != nil {
		c.work.Go(func() { ch.end(e) })
	}
	c.work.Go(func() { ch.requests(reqs) })
	c.work.Go(ch.refuseStderr)
}

func (c *Conn) openChannels() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.channels)
}

// requests answers the requests on the channel, of which one starts what it is for.
func (ch *channel) requests(reqs <-chan *ssh.Request) {
	c := ch.conn
	defer c.contain("serving the requests of a channel")
	defer func() {
		c.mu.Lock()
		delete(c.channels, ch)
		c.mu.Unlock()
	}()
	defer ch.cancel()
	early := ch.input.first.done
	wait := time.NewTimer(cmp.Or(time.Duration(c.server.programWait.Load()), programWait))
	defer wait.Stop()
	for {
		select {
		case req, ok := <-reqs:
			if !ok {
				return
			}
			ch.request(req)
			continue
		case <-early:
			early = nil
			if !ch.input.first.some {
				continue
			}
			// The request that the data is for has come before it.
			for pending := true; pending; {
				select {
				case req, ok := <-reqs:
					if !ok {
						return
					}
					ch.request(req)
				default:
					pending = false
				}
			}
		case <-wait.C:
		}
		if !ch.started {
			ch.started = true
			c.work.Go(ch.over)
		}
	}
}

// request answers one request.
func (ch *channel) request(req *ssh.Request) {
	run := ch.program(req)
	if run == nil || ch.started {
		req.Reply(false, nil)
		return
	}
	ch.started = true
	req.Reply(true, nil)
	ch.conn.work.Go(func() {
		ch.run(run)
	})
}

// over closes a channel that nothing was asked of in time, or to which data
// came before it was known for what: no client does that, and all of it would
// have to be kept.
func (ch *channel) over() {
	defer ch.conn.contain("closing a channel")
	ch.close(255)
	ch.input.discard()
}

// refuseStderr closes the channel if the client sends something to the stream
// of errors (RFC 4254 section 5.2), of which there is none in its direction.
func (ch *channel) refuseStderr() {
	defer ch.conn.contain("reading from a channel")
	var b [64]byte
	for {
		if n, err := ch.ssh.Stderr().Read(b[:]); err != nil {
			return
		} else if n > 0 {
			ch.close(255)
		}
	}
}

// A program is what runs on a channel. It returns the exit status.
type program func() int

// program returns what a request starts, or nil if it is refused.
func (ch *channel) program(req *ssh.Request) program {
	switch req.Type {
	case "subsystem":
		var p struct{ Name string }
		if ssh.Unmarshal(req.Payload, &p) == nil && p.Name == "sftp" {
			return ch.serveSFTP
		}
	case "exec":
		var p struct{ Command string }
		if ssh.Unmarshal(req.Payload, &p) == nil {
			return func() int { return ch.exec(p.Command) }
		}
	case "shell":
		// A shell that says what is the matter and exits is clearer than a
		// request that is refused.
		return func() int {
			ch.warn(textFilesOnly)
			return 1
		}
	}
	// pty-req, x11-req, auth-agent-req@openssh.com, env and others.
	return nil
}

// run runs a program and closes the channel.
func (ch *channel) run(p program) {
	status := 255
	defer ch.input.discard()
	defer func() {
		if v := recover(); v != nil {
			ch.conn.log.Error("serving a channel failed", "panic", v, "stack", string(debug.Stack()))
		}
		ch.close(status)
	}()
	status = p()
}

// close tells the exit status and closes the channel. What still writes to it
// fails.
func (ch *channel) close(status int) {
	ch.finish.Do(func() {
		ch.cancel()
		ch.ssh.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
		ch.ssh.Close()
	})
}

// end closes the channel because the server ends the connection.
func (ch *channel) end(e *conns.Ending) {
	defer ch.conn.contain("ending a channel")
	ch.cancel()
	if e.Text != "" {
		ch.warn(e.Text)
	}
	ch.close(255)
}

// warn shows a line to the user.
func (ch *channel) warn(text string) {
	ch.stderr.Lock()
	defer ch.stderr.Unlock()
	io.WriteString(ch.ssh.Stderr(), strings.TrimRight(text, "\r\n")+"\r\n")
}

// write writes to the channel, a packet of SSH at a time, so that a client that
// reads slowly is told from one that does not read.
func (ch *channel) write(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), sendChunk)
		ch.sending.Store(sinceEpoch())
		_, err := ch.ssh.Write(b[:n])
		ch.sending.Store(0)
		if err != nil {
			return err
		}
		ch.conn.activity.touch()
		b = b[n:]
	}
	return nil
}

// unread returns for how long the client has read nothing of what is sent to it.
func (ch *channel) unread() time.Duration {
	since := ch.sending.Load()
	if since == 0 {
		return 0
	}
	return time.Duration(sinceEpoch() - since)
}

// sendChunk is how much is written at once, at most.
const sendChunk = 32 << 10
