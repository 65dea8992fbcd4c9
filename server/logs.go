package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxLogged is how many bytes of a text that a client can choose are logged.
const maxLogged = 256

// printable is a text that a client can choose, fit for a log: no longer than
// maxLogged, and without anything that moves a cursor or begins a line.
func printable(s string) string {
	cut := len(s) > maxLogged
	if cut {
		s = s[:maxLogged]
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) { // not within a letter
			s = s[:len(s)-1]
		}
		if r, n := utf8.DecodeLastRuneInString(s); r == utf8.RuneError && n == 1 {
			s = s[:len(s)-1]
		}
	}
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
	if cut {
		s += "..."
	}
	return s
}

// ownKeys are those whose values the server has made and bounded itself.
var ownKeys = map[string]bool{"stack": true, "offered": true, "accepted": true}

// tame makes all that is logged on behalf of clients printable, and bounds how
// much of it there is: of each address so many lines, as budget has it.
type tame struct {
	to     slog.Handler
	budget *budget
	remote netip.Addr // of the client, if that is known
}

func (h *tame) Enabled(ctx context.Context, l slog.Level) bool { return h.to.Enabled(ctx, l) }

func (h *tame) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, printable(r.Message), r.PC)
	remote := h.remote
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "remote" {
			remote = parseRemote(a.Value)
		}
		out.AddAttrs(tamed(a))
		return true
	})
	if h.budget != nil && r.Level >= slog.LevelInfo && !h.budget.take(remote) {
		return nil
	}
	return h.to.Handle(ctx, out)
}

func (h *tame) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		if a.Key == "remote" {
			next.remote = parseRemote(a.Value)
		}
		out[i] = tamed(a)
	}
	next.to = h.to.WithAttrs(out)
	return &next
}

func (h *tame) WithGroup(name string) slog.Handler {
	next := *h
	next.to = h.to.WithGroup(name)
	return &next
}

func tamed(a slog.Attr) slog.Attr {
	if ownKeys[a.Key] {
		return a
	}
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, printable(v.String()))
	case slog.KindAny:
		return slog.String(a.Key, printable(fmt.Sprint(v.Any())))
	default:
		return a
	}
}

func parseRemote(v slog.Value) netip.Addr {
	addr, err := netip.ParseAddrPort(v.String())
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr()
}

const (
	// A client's address may have as many lines logged at once, and then as
	// many each minute, before it has logged in.
	budgetLines     = 100
	budgetPerMinute = 10
	// All addresses together.
	budgetAllLines     = 2000
	budgetAllPerMinute = 1000
	// Of so many addresses is remembered what they have used.
	budgetAddresses = 10_000
)

// A budget bounds the lines that clients have logged before they have logged in,
// or by what they do wrong: the kubelet keeps some 50 MiB of a container's log,
// and the audit trail with it. What is left out is counted, and the number
// logged a minute later.
type budget struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	all     tokens
	of      map[netip.Prefix]*tokens
	left    map[netip.Prefix]int // lines that were left out
	summing bool                 // a summary will come
}

// tokens are taken, and come back with time.
type tokens struct {
	used float64
	at   time.Time
}

func newBudget(log *slog.Logger) *budget {
	return &budget{log: log, now: time.Now, of: map[netip.Prefix]*tokens{}, left: map[netip.Prefix]int{}}
}

// take reports whether one more line may be logged for the address.
func (b *budget) take(remote netip.Addr) bool {
	key := network(remote)
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	own := b.of[key]
	if own == nil {
		if len(b.of) >= budgetAddresses {
			b.of = map[netip.Prefix]*tokens{} // the budget of all bounds them still
		}
		own = &tokens{at: now}
		b.of[key] = own
	}
	if own.take(now, budgetLines, budgetPerMinute) && b.all.take(now, budgetAllLines, budgetAllPerMinute) {
		return true
	}
	if len(b.left) >= budgetAddresses {
		key = netip.Prefix{} // of all others
	}
	b.left[key]++
	if !b.summing {
		b.summing = true
		time.AfterFunc(time.Minute, b.summarize)
	}
	return false
}

func (k *tokens) take(now time.Time, burst, perMinute float64) bool {
	k.used = max(0, k.used-now.Sub(k.at).Minutes()*perMinute)
	k.at = now
	if k.used+1 > burst {
		return false
	}
	k.used++
	return true
}

// summarize logs how much was left out: a few addresses by name, and all others
// together.
func (b *budget) summarize() {
	b.mu.Lock()
	left := b.left
	b.left, b.summing = map[netip.Prefix]int{}, false
	b.mu.Unlock()
	const named = 10
	addresses, lines := 0, 0
	for key, n := range left {
		if addresses++; addresses <= named && key.IsValid() {
			b.log.Warn("lines about clients were left out", "address", key.Addr().String(), "lines", n)
			continue
		}
		lines += n
	}
	if lines > 0 {
		b.log.Warn("lines about clients were left out", "lines", lines)
	}
}

// network is what counts as one address: IPv6 by its /64.
func network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits)
	return p
}
