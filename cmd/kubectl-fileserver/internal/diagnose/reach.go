package diagnose

import (
	"fmt"
	"slices"
	"strings"
)

func thereIsNoAddress(f Found) (Finding, bool) {
	return Finding{
		Wrong: fmt.Sprintf("The FileServer %s has no address yet (%s): %s", f.Expected.Name, f.Expected.Reason, f.Expected.Message),
		Do:    "Do what that message says; a balancer that gives no address is one for `kubectl describe service " + f.Expected.Name + "`.",
		Page:  pageExposure,
	}, len(f.Expected.Endpoints) == 0
}

func theServerIsNotReady(f Found) (Finding, bool) {
	failed := slices.ContainsFunc(f.Attempts, func(a Attempt) bool { return !a.OK() })
	return Finding{
		Wrong: fmt.Sprintf("The FileServer %s is not ready (%s): %s", f.Expected.Name, f.Expected.Reason, f.Expected.Message),
		Do:    "Do what that message says, and check again.",
		Page:  pageChanges,
	}, !f.Expected.Ready && failed
}

func theNameHasNoAddress(f Found) (Finding, bool) {
	failed := f.failed(Resolve, "")
	if len(failed) == 0 {
		return Finding{}, false
	}
	return Finding{
		Wrong: fmt.Sprintf("The host name %s of the balancer has no address here (%s).", failed[0].Address, failed[0].Text),
		Do:    "Ask the name server that clients ask; a balancer's name takes some minutes until all know it.",
		Page:  pageExposure,
	}, true
}

// reached are the control connections that were tried to an address, and those of
// them that were made.
func (f Found) reached(address string) (tried, made []Attempt) {
	for _, a := range f.Attempts {
		if !a.Control() || a.IP.String() != address {
			continue
		}
		tried = append(tried, a)
		if a.Step != Connect {
			made = append(made, a)
		}
	}
	return tried, made
}

// addresses are those that were dialled.
func (f Found) addresses() []string {
	var all []string
	for _, a := range f.Attempts {
		if a.IP.IsValid() && !slices.Contains(all, a.IP.String()) {
			all = append(all, a.IP.String())
		}
	}
	return all
}

func thereIsNoRoute(f Found) (Finding, bool) {
	failed := f.failed(Connect, Unreachable)
	if len(failed) == 0 {
		return Finding{}, false
	}
	ip := failed[0].IP
	family := "IPv4"
	if ip.Is6() {
		family = "IPv6"
	}
	return Finding{
		Wrong: fmt.Sprintf("There is no route from here to %s (%s).", ip, family),
		Do:    "Check from where the clients are. If they have no " + family + " either, leave that family out of expose.ipFamilies.",
		Page:  pageExposure,
	}, true
}

func anAddressDoesNotAnswer(f Found) (Finding, bool) {
	addresses := f.addresses()
	for _, address := range addresses {
		tried, made := f.reached(address)
		if len(tried) < 2 && len(addresses) < 2 || len(tried) == 0 || len(made) > 0 {
			continue
		}
		others := ""
		if slices.ContainsFunc(addresses, func(other string) bool { _, made := f.reached(other); return len(made) > 0 }) {
			others = ", while others of the server's addresses do"
		}
		return Finding{
			Wrong: fmt.Sprintf("No port of %s answers%s (%s).", address, others, tried[0].Failure),
			Do:    unanswered(tried[0].Failure, f.Expected.Exposure),
			Page:  pageExposure,
		}, true
	}
	return Finding{}, false
}

// unanswered is what to do about a port that does not answer.
func unanswered(failure Failure, exposure string) string {
	switch {
	case failure == Refused:
		return "Something answers for the address and has nobody behind the port: see whether the balancer has the port as a listener, and the Service has endpoints (`kubectl get endpointslices`)."
	case exposure == "ClusterIP":
		return "The address is one of the cluster alone: check from a pod, or choose another expose.type."
	case exposure == "NodePort" || exposure == "HostNetwork":
		return "Have the firewall in front of the nodes let the port through."
	}
	return "Have the firewall between here and the balancer, and expose.loadBalancer.sourceRanges, let the port through; see that the balancer's health checks find a pod."
}

func aPortDoesNotAnswer(f Found) (Finding, bool) {
	failed := slices.DeleteFunc(f.failed(Connect, ""), func(a Attempt) bool { return !a.Control() })
	if len(failed) == 0 {
		return Finding{}, false
	}
	var ports []string
	for _, a := range failed {
		if p := fmt.Sprintf("%d (%s)", a.Port, a.Protocol); !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	return Finding{
		Wrong: fmt.Sprintf("%s of %s does not answer (%s).", plural("Port", ports), failed[0].IP, failed[0].Failure),
		Do:    unanswered(failed[0].Failure, f.Expected.Exposure),
		Page:  pageExposure,
	}, true
}

func plural(word string, items []string) string {
	if len(items) == 1 {
		return word + " " + items[0]
	}
	return word + "s " + strings.Join(items, ", ")
}

func theBalancerTakesAndDrops(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool { return a.Step == Greet && a.Failure == Closed })
	return Finding{
		Wrong: fmt.Sprintf("%s takes connections and closes them before the server says a word (%s).", a.Where(), a.Protocol),
		Do:    "The address of this machine may be banned (wait, or see sessions.ban.exempt), or not in expose.loadBalancer.sourceRanges; or the balancer has no pod behind the port.",
		Page:  pageUsers,
	}, ok
}

func nothingIsSaid(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool { return a.Step == Greet && a.Failure == Timeout })
	return Finding{
		Wrong: fmt.Sprintf("%s takes connections, and then nothing comes (%s).", a.Where(), a.Protocol),
		Do:    "Something in between waits for the client to speak first, as a proxy of a service mesh does, or the balancer is to send a PROXY header and does not: compare expose.proxyProtocolFrom with the balancer's settings.",
		Page:  pageExposure,
	}, ok
}

func somethingElseAnswers(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool { return a.Step == Greet && a.Failure == Foreign })
	return Finding{
		Wrong: fmt.Sprintf("At %s something else than %s answers: %q.", a.Where(), a.Protocol, a.Text),
		Do:    "The balancer or router sends the port to another one, or to another service: compare its listeners with `kubectl get service " + f.Expected.Name + "`.",
		Page:  pageExposure,
	}, ok
}

func theServerIsFull(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool { return a.Step == Greet && a.Failure == Reply })
	return Finding{
		Wrong: fmt.Sprintf("The server greets with a refusal at %s: %d %s.", a.Where(), a.Code, a.Text),
		Do:    "It has as many sessions as it may have, or this address has: see sessions.max and sessions.maxPerAddress; a pod that ends says so too.",
		Page:  pageChanges,
	}, ok
}
