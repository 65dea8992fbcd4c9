package diagnose

import (
	"fmt"
	"slices"
	"time"
)

// A Finding is the one thing that is wrong.
type Finding struct {
	// Wrong is what it is, and Do what to do about it.
	Wrong string `json:"wrong"`
	Do    string `json:"do"`
	// Page is the document that has more.
	Page string `json:"page"`
}

// Pages of the documentation.
const (
	pageExposure = "docs/exposure.md"
	pageTLS      = "docs/tls.md"
	pageConnect  = "docs/connect.md"
	pageUsers    = "docs/users.md"
	pageChanges  = "docs/changes.md"
)

// Found is what was promised and what was seen.
type Found struct {
	Expected Expected
	Attempts []Attempt
	Now      time.Time
}

// rule says what is wrong, or that it has nothing to say.
type rule func(f Found) (Finding, bool)

// What explains others comes first.
var rules = []rule{
	thereIsNoAddress,
	theServerIsNotReady,
	theNameHasNoAddress,
	thereIsNoRoute,
	anAddressDoesNotAnswer,
	aPortDoesNotAnswer,
	theBalancerTakesAndDrops,
	nothingIsSaid,
	somethingElseAnswers,
	theServerIsFull,
	tlsIsTakenAway,
	theCertificateIsAnother,
	theCertificateIsOver,
	theAuthorityIsAnother,
	theCertificateIsForOthers,
	thereIsNoHandshake,
	theHostKeyIsAnother,
	thereIsNoCommonAlgorithm,
	theUserIsRefused,
	theAddressToldIsAnother,
	thePortToldIsNoneOfTheServer,
	aReplyIsRewritten,
	thereIsNoPassivePort,
	noPassivePortAnswers,
	noPortOfAPodAnswers,
	somePassivePortsDoNotAnswer,
	theDataConnectionIsTakenForAStrangers,
	theDataConnectionHasNoTLS,
	nothingComesThrough,
	oneModeFails,
	activeModeIsRefused,
	activeModeComesFromElsewhere,
	somethingElseFails,
}

// Of is the one thing that is wrong; nil if nothing is.
func Of(f Found) *Finding {
	for _, r := range rules {
		if finding, ok := r(f); ok {
			return &finding
		}
	}
	return nil
}

// failed are the attempts that ended so, and at that step; any of both if empty.
func (f Found) failed(step Step, failure Failure) []Attempt {
	return slices.DeleteFunc(slices.Clone(f.Attempts), func(a Attempt) bool {
		return a.OK() || step != "" && a.Step != step || failure != "" && a.Failure != failure
	})
}

// first is an attempt for which a condition holds.
func (f Found) first(holds func(Attempt) bool) (Attempt, bool) {
	if i := slices.IndexFunc(f.Attempts, holds); i >= 0 {
		return f.Attempts[i], true
	}
	return Attempt{}, false
}

// somethingElseFails has what no rule foresaw, but for active mode, which most often
// fails for where the client is.
func somethingElseFails(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool { return !a.OK() && !a.active() })
	return Finding{
		Wrong: fmt.Sprintf("%s at %s fails: %s.", what(a), a.Where(), a.Result()),
		Do:    "Look at the log of the pods at that time; `--report` writes a page with all that was tried.",
		Page:  pageConnect,
	}, ok
}

// what names what was tried.
func what(a Attempt) string {
	if a.Control() {
		return a.Protocol
	}
	return a.Protocol + " with " + a.Mode
}

// Remarks are about what is no fault of the server.
func Remarks(f Found) []string {
	var remarks []string
	if f.Expected.User == nil && len(f.Attempts) > 0 {
		remarks = append(remarks, "Nobody logged in, so no passive port was tried: name a user (--login-as).")
	}
	remarks = append(remarks, untriedPorts(f)...)
	if a, ok := f.first(func(a Attempt) bool { return a.active() && !a.OK() }); ok {
		remarks = append(remarks, fmt.Sprintf("Active mode (%s) does not work from here (%s): most often a firewall or an address translation on the side of the client is why. Passive mode needs neither.", a.Mode, a.Result()))
	}
	return remarks
}

// wide is a range of ports of which nobody wants to know each.
const wide = 32

// untriedPorts are those of pods to which no connection came, and those that a pod
// never offered.
func untriedPorts(f Found) (remarks []string) {
	var p ports
	for _, address := range f.addresses() {
		at := f.portsAt(address)
		p.good, p.bad = append(p.good, at.good...), append(p.bad, at.bad...)
	}
	if len(p.good)+len(p.bad) == 0 {
		return nil
	}
	for _, s := range f.Expected.Slots {
		left := slices.DeleteFunc(slices.Clone(s.Ports), func(port int) bool {
			return slices.Contains(p.good, port) || slices.Contains(p.bad, port)
		})
		switch {
		case len(left) == len(s.Ports):
			remarks = append(remarks, fmt.Sprintf("No connection came to pod %s, so its passive ports were not tried: the balancer sends this client to others.", s.Pod))
		case len(left) > 0 && len(left) <= wide:
			remarks = append(remarks, fmt.Sprintf("Passive ports of pod %s that were not tried: %s.", s.Pod, list(left)))
		}
	}
	return remarks
}
