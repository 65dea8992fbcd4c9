package audit

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Options are what a trail is made with.
type Options struct {
	// Stdout gets the lines of the output Stdout, and those that a file did not take. Each
	// is one Write.
	Stdout io.Writer
	// Pod is the name of where the server runs.
	Pod string
	// Run tells one start of the server from another: it begins the ids of sessions.
	Run string
	// Strangers says whether one more line may be written about an address from which
	// nobody has logged in.
	Strangers func(netip.Addr) bool
	// Count is told of each event, whether a line was written or not.
	Count func(protocol string, e Event, r Result)
	// Lost is told of each line that could not be written.
	Lost func()
	// Log is for what goes wrong with the trail itself.
	Log *slog.Logger
	// Now is the clock; nil: the system's.
	Now func() time.Time
}

// Log is the trail of a server.
type Log struct {
	opts Options

	mu       sync.Mutex
	settings config.Audit
	file     *file // for the output File
	users    map[string]*allowance
	all      *rate.Limiter
	told     time.Time // when it was last said that a line was not written
}

// Users who change many files wait, so that no line of a change is left out: after
// burstOfUser lines, a user has so many a second in all sessions of a pod together, and all
// users together have linesOfPod.
const (
	linesOfUser = 1000
	burstOfUser = 20_000
	linesOfPod  = 5000
	burstOfPod  = 50_000
	// What is refused, or fails, costs a client next to nothing, and is left out after
	// so many lines of a user at once, and then as many a minute.
	refusalsOfUser    = 200
	refusalsPerMinute = 30
	// Of so many users is remembered what they have used.
	rememberedUsers = 10_000
)

// An allowance is how many lines a user may cause still.
type allowance struct {
	changes  *rate.Limiter
	refusals *rate.Limiter
}

// New returns a trail that writes to Stdout until Use says something else.
func New(opts Options) *Log {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Log{opts: opts, users: map[string]*allowance{}, all: rate.NewLimiter(linesOfPod, burstOfPod)}
}

// Use puts settings in force, for the lines that come.
func (l *Log) Use(c config.Audit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settings = c
	switch {
	case c.Output != config.AuditFile:
		l.closeFile()
	case l.file == nil:
		l.file = newFile(*c.File, l.opts.Pod, l.opts.Now)
	default:
		l.file.settings = *c.File
	}
}

// Close ends the trail's file, if there is one.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeFile()
}

func (l *Log) closeFile() {
	if l.file != nil {
		l.complain(l.file.close())
		l.file = nil
	}
}

// allowance returns that of a user.
func (l *Log) allowance(user string) *allowance {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.users[user]
	if a == nil {
		if len(l.users) >= rememberedUsers {
			clear(l.users) // the limit of all bounds them still
		}
		a = &allowance{
			changes:  rate.NewLimiter(linesOfUser, burstOfUser),
			refusals: rate.NewLimiter(refusalsPerMinute/60., refusalsOfUser),
		}
		l.users[user] = a
	}
	return a
}

// off reports whether no lines are wanted.
func (l *Log) off() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settings.Output == config.AuditNone
}

// count tells of an event that has or has no line.
func (l *Log) count(r *Record) {
	if l.opts.Count != nil {
		l.opts.Count(r.Protocol, r.Event, r.Result)
	}
}

const stamp = "2006-01-02T15:04:05.000Z"

// write writes a line.
func (l *Log) write(r Record) {
	r.Audit, r.Pod = Version, l.opts.Pod
	if r.Time == "" {
		r.Time = l.opts.Now().UTC().Format(stamp)
	}
	r.tame()
	var line bytes.Buffer
	out := json.NewEncoder(&line)
	out.SetEscapeHTML(false)
	if err := out.Encode(r); err != nil {
		panic(err) // a struct of numbers and texts
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.settings.Output {
	case config.AuditNone:
		return
	case config.AuditFile:
		err := l.file.write(line.Bytes())
		if err == nil {
			return
		}
		l.complain(err) // and tell it where it is not lost
	}
	if _, err := l.opts.Stdout.Write(line.Bytes()); err != nil && l.opts.Lost != nil {
		l.opts.Lost()
	}
}

// complain says, from time to time, that the trail's file does not work. The caller has mu.
func (l *Log) complain(err error) {
	now := l.opts.Now()
	if err == nil || l.opts.Log == nil || !l.told.IsZero() && now.Sub(l.told) < time.Minute {
		return
	}
	l.told = now
	l.opts.Log.Error("the audit trail's file cannot be written; its lines are on stdout", "error", err)
}
