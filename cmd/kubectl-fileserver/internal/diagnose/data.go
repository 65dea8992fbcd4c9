package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

func (a Attempt) passive() bool { return a.Mode == PASV || a.Mode == EPSV }

func theAddressToldIsAnother(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool {
		return a.Mode == PASV && a.Step == Data && a.Told.IsValid() && a.Told.Addr() != a.IP && (a.ThereInstead || private(a.Told.Addr()) && !private(a.IP))
	})
	if !ok {
		return Finding{}, false
	}
	return Finding{
		Wrong: fmt.Sprintf("The address told in PASV is %s, which does not answer, and you connected to %s.", a.Told.Addr(), a.IP),
		Do:    fmt.Sprintf("A router translates addresses in front of the server: set passive.address to %s, or passive.addressRules if only some clients come that way. EPSV tells no address.", a.IP),
		Page:  pageExposure,
	}, true
}

// private says whether an address is none of the Internet's.
func private(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || shared.Contains(a)
}

// shared is for the networks of carriers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func thePortToldIsNoneOfTheServer(f Found) (Finding, bool) {
	if len(f.Expected.Slots) == 0 {
		return Finding{}, false
	}
	a, ok := f.first(func(a Attempt) bool {
		return a.passive() && a.Told.IsValid() && !a.OK() && f.Expected.SlotOf(int(a.Told.Port())) < 0
	})
	if !ok {
		return Finding{}, false
	}
	return Finding{
		Wrong: fmt.Sprintf("The port told in %s is %d, which is none of the server's passive ports.", a.Mode, a.Told.Port()),
		Do:    "A router or firewall rewrites FTP's replies on the way: switch off its helper for FTP (its \"ALG\"), or use FTPS, into which it cannot look.",
		Page:  pageExposure,
	}, true
}

func aReplyIsRewritten(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool { return a.Step == Ask && a.Failure == Malformed })
	return Finding{
		Wrong: fmt.Sprintf("The answer to %s at %s is not one of the server's: %q.", a.Mode, a.Where(), a.Text),
		Do:    "A router or firewall rewrites FTP's replies on the way: switch off its helper for FTP (its \"ALG\"), or use FTPS.",
		Page:  pageExposure,
	}, ok
}

func thereIsNoPassivePort(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool { return a.passive() && a.Step == Ask && a.Failure == Reply && a.Code == 425 })
	return Finding{
		Wrong: fmt.Sprintf("The server has no passive port to offer: %s is answered %d %s.", a.Mode, a.Code, a.Text),
		Do:    "All ports of the pod are awaited (raise passive.portsPerPod), or the host name of the balancer or of passive.address has no address of the client's family.",
		Page:  pageExposure,
	}, ok
}

// ports are those of data connections to an address, by whether they answered.
type ports struct {
	at        netip.Addr
	good, bad []int
	failure   Failure // of a bad one
}

// passivePorts are those at the first address at which one did not answer, or else at
// any.
func (f Found) passivePorts() ports {
	var p ports
	for _, address := range f.addresses() {
		if p = f.portsAt(address); len(p.bad) > 0 {
			break
		}
	}
	return p
}

func (f Found) portsAt(address string) (p ports) {
	for _, a := range f.Attempts {
		if !a.passive() || !a.Told.IsValid() || a.IP.String() != address {
			continue
		}
		p.at = a.IP
		if port := int(a.Told.Port()); a.Step == Data {
			p.bad = append(p.bad, port)
			p.failure = a.Failure
		} else {
			p.good = append(p.good, port)
		}
	}
	// What answered once can be reached.
	p.bad = slices.DeleteFunc(p.bad, func(port int) bool { return slices.Contains(p.good, port) })
	slices.Sort(p.bad)
	p.bad = slices.Compact(p.bad)
	return p
}

func noPassivePortAnswers(f Found) (Finding, bool) {
	p := f.passivePorts()
	if len(p.bad) == 0 || len(p.good) > 0 {
		return Finding{}, false
	}
	return Finding{
		Wrong: fmt.Sprintf("No passive port of %s answers (%s): tried were %s.", p.at, p.failure, list(p.bad)),
		Do:    fmt.Sprintf("The control connection comes through, and data connections do not: have the firewall and the balancer let the passive ports through%s.", f.inBrackets()),
		Page:  pageExposure,
	}, true
}

func (f Found) allPorts() (all []int) {
	for _, s := range f.Expected.Slots {
		all = append(all, s.Ports...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// inBrackets are all ports, as far as they are known.
func (f Found) inBrackets() string {
	if len(f.Expected.Slots) == 0 {
		return ""
	}
	return " (" + list(f.allPorts()) + ")"
}

func noPortOfAPodAnswers(f Found) (Finding, bool) {
	p := f.passivePorts()
	for i, slot := range f.Expected.Slots {
		bad := within(p.bad, slot.Ports)
		if len(bad) < 2 || len(within(p.good, slot.Ports)) > 0 {
			continue
		}
		return Finding{
			Wrong: fmt.Sprintf("No passive port of pod %s (slot %d) answers at %s (%s), while those of others do: tried were %s.", slot.Pod, i, p.at, p.failure, list(bad)),
			Do:    fmt.Sprintf("Have the firewall and the balancer let the ports %s through: its listeners may have been made for fewer pods.", list(slot.Ports)),
			Page:  pageExposure,
		}, true
	}
	return Finding{}, false
}

func within(some, all []int) []int {
	return slices.DeleteFunc(slices.Clone(some), func(n int) bool { return !slices.Contains(all, n) })
}

func somePassivePortsDoNotAnswer(f Found) (Finding, bool) {
	p := f.passivePorts()
	if len(p.bad) == 0 {
		return Finding{}, false
	}
	of := ""
	if slot := f.Expected.SlotOf(p.bad[0]); slot >= 0 && len(within(p.bad, f.Expected.Slots[slot].Ports)) == len(p.bad) {
		of = " of pod " + f.Expected.Slots[slot].Pod
	}
	do := "The firewall or the balancer drops it: have it let all passive ports through" + f.inBrackets() + "."
	if p.failure == Refused {
		do = "The balancer has no listener for it, or sends it to a pod that does not have it: compare its listeners with `kubectl get service " + f.Expected.Name + "`."
	}
	return Finding{
		Wrong: fmt.Sprintf("Passive port %s%s does not answer at %s (%s), while others do.", list(p.bad), of, p.at, p.failure),
		Do:    do,
		Page:  pageExposure,
	}, true
}

// list writes ports as in "50000-50009, 50013".
func list(ports []int) string {
	var parts []string
	for i := 0; i < len(ports); {
		j := i
		for j+1 < len(ports) && ports[j+1] == ports[j]+1 {
			j++
		}
		part := strconv.Itoa(ports[i])
		if j > i {
			part += "-" + strconv.Itoa(ports[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

func theDataConnectionIsTakenForAStrangers(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool { return a.passive() && a.Step == Transfer && a.Failure == Reply && a.Code == 425 })
	return Finding{
		Wrong: fmt.Sprintf("The data connection of %s is made, and the server takes it for a stranger's: %d %s.", a.Mode, a.Code, a.Text),
		Do:    "The server sees another address on data connections than on control connections, or does not see that they resume the TLS session: use a traffic policy Local or the PROXY protocol, so that addresses arrive, or see passive.peerCheck.",
		Page:  pageExposure,
	}, ok
}

func theDataConnectionHasNoTLS(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool {
		return a.passive() && a.Step == Transfer && (a.Failure == Handshake || a.Code == 522)
	})
	return Finding{
		Wrong: fmt.Sprintf("There is no TLS handshake on the data connection of %s to port %d: %s.", a.Mode, a.Told.Port(), a.Result()),
		Do:    "Something in between answers for the passive ports, or does not pass TLS through: have it pass TCP as it is.",
		Page:  pageTLS,
	}, ok
}

func nothingComesThrough(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool {
		return a.passive() && a.Step == Transfer && (a.Failure == Timeout || a.Failure == Closed)
	})
	return Finding{
		Wrong: fmt.Sprintf("The data connection to port %d is made, and no listing comes through it (%s).", a.Told.Port(), a.Failure),
		Do:    "Small packets come through and large ones do not (a wrong MTU on a tunnel), or something in between answers for the passive ports, such as a proxy of a service mesh.",
		Page:  pageExposure,
	}, ok
}

func oneModeFails(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool { return a.passive() && a.Step == Ask && a.Failure == Reply })
	return Finding{
		Wrong: fmt.Sprintf("%s is refused at %s: %d %s.", a.Mode, a.Where(), a.Code, a.Text),
		Do:    "The server refuses neither PASV nor EPSV: a firewall that looks into FTP does. Switch off its inspection, or use FTPS.",
		Page:  pageExposure,
	}, ok
}
