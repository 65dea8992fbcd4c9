package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/cmd/kubectl-fileserver/internal/diagnose"
)

// Options say what to try.
type Options struct {
	Expected diagnose.Expected
	// Roots are the authorities that clients trust. Nil: it is not known which.
	Roots *x509.CertPool
	// Password and Signers are how the user logs in. Without both nobody does.
	Password string
	Signers  []ssh.Signer
	// Timeout is how long each step may take; default 5 s.
	Timeout time.Duration
	// EveryPort has each passive port of each pod be tried, which takes some ten
	// seconds for a pod.
	EveryPort bool
	// Progress is told what is tried. Nil: nobody is.
	Progress func(what string)
}

// A prober tries.
type prober struct {
	Options
	attempts []diagnose.Attempt
	refused  bool                // the user is, so that nobody logs in again: that could lead to a ban
	covered  map[netip.Addr]bool // addresses at which each passive port was tried
}

// Run tries everything, and returns how it went.
func Run(ctx context.Context, o Options) []diagnose.Attempt {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	p := &prober{Options: o, covered: map[netip.Addr]bool{}}
	for _, e := range o.Expected.Endpoints {
		for _, ip := range p.resolve(ctx, e) {
			a := diagnose.Attempt{Protocol: e.Protocol, Address: e.Address, IP: ip, Port: e.Port}
			switch e.Protocol {
			case diagnose.FTP, diagnose.FTPS:
				p.tryFTP(ctx, a)
			case diagnose.SFTP:
				p.trySFTP(ctx, a)
			}
		}
	}
	return p.attempts
}

// resolve returns the addresses of an endpoint.
func (p *prober) resolve(ctx context.Context, e diagnose.Endpoint) []netip.Addr {
	if ip, err := netip.ParseAddr(e.Address); err == nil {
		return []netip.Addr{ip.Unmap()}
	}
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", e.Address)
	if err != nil {
		p.add(diagnose.Attempt{Protocol: e.Protocol, Address: e.Address, Port: e.Port}, diagnose.Resolve, err)
	}
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	return slices.Compact(ips)
}

// add notes how an attempt ended.
func (p *prober) add(a diagnose.Attempt, step diagnose.Step, err error) {
	if err != nil {
		a.Step = step
		a.Failure, a.Code, a.Text = classify(err)
	}
	p.attempts = append(p.attempts, a)
}

// logsIn says whether the user logs in with a protocol: once it was refused, no more.
func (p *prober) logsIn(protocol string) bool {
	u := p.Expected.User
	byKey := protocol == diagnose.SFTP && len(p.Signers) > 0
	return u != nil && u.May(protocol) && !p.refused && (p.Password != "" || byKey)
}

func (p *prober) dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Timeout: p.Timeout}
	return d.DialContext(ctx, "tcp", addr.String())
}

// errors that say more than those of the network.
type (
	replyError struct {
		code int
		text string
	}
	foreignError   struct{ text string }
	malformedError struct{ text string }
)

func (e *replyError) Error() string     { return e.text }
func (e *foreignError) Error() string   { return e.text }
func (e *malformedError) Error() string { return e.text }

// classify says how an error ends an attempt.
func classify(err error) (failure diagnose.Failure, code int, text string) {
	if r, ok := errors.AsType[*replyError](err); ok {
		return diagnose.Reply, r.code, r.text
	}
	if f, ok := errors.AsType[*foreignError](err); ok {
		return diagnose.Foreign, 0, f.text
	}
	if m, ok := errors.AsType[*malformedError](err); ok {
		return diagnose.Malformed, 0, m.text
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return diagnose.NotFound, 0, dns.Err
	}
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return diagnose.Refused, 0, ""
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return diagnose.Unreachable, 0, ""
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return diagnose.Timeout, 0, ""
	case closed(err):
		return diagnose.Closed, 0, ""
	}
	return diagnose.Handshake, 0, err.Error()
}

// closed tells the end of a connection. SSH wraps it into a text.
func closed(err error) bool {
	for _, end := range closings {
		if errors.Is(err, end) {
			return true
		}
	}
	return strings.HasSuffix(err.Error(), ": EOF")
}

// shown is a certificate, and what a client that checks it would say.
func (p *prober) shown(state tls.ConnectionState, address string) *diagnose.Certificate {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	leaf := state.PeerCertificates[0]
	c := &diagnose.Certificate{Fingerprint: fingerprint(leaf), NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter}
	if err := leaf.VerifyHostname(address); err != nil {
		c.NameError = err.Error()
	}
	if p.Roots == nil {
		return c
	}
	intermediates := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		intermediates.AddCert(cert)
	}
	// Time is another question than trust.
	at := leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: p.Roots, Intermediates: intermediates, CurrentTime: at}); err != nil {
		c.TrustError = err.Error()
	}
	return c
}
