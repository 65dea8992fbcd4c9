package cloud

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/plan"
)

// An allocation is what one Service gets.
type allocation struct {
	addresses []netip.Addr
	problem   string // why there is no address; a sentence for an event
}

// wanted tells whether a Service asks this cloud for a balancer. One with a class asks another one.
func wanted(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeLoadBalancer && s.Spec.LoadBalancerClass == nil && s.DeletionTimestamp.IsZero()
}

// allocate gives each Service an address in each of its families. An address that a Service has in its
// status stays, so no state of our own is needed; then those who ask for a certain one are served, then
// the others, the oldest first.
func allocate(services []*corev1.Service) map[string]allocation {
	services = slices.Clone(services)
	slices.SortFunc(services, func(a, b *corev1.Service) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(key(a), key(b)))
	})
	taken := map[netip.Addr]bool{}
	result := map[string]allocation{}
	claim := func(s *corev1.Service, a netip.Addr) {
		r := result[key(s)]
		r.addresses = append(r.addresses, a)
		result[key(s)] = r
		taken[a] = true
	}

	for _, s := range services {
		for _, a := range held(s) {
			if wanted(s) && !taken[a] && hasFamily(s, a) && fits(s, a) {
				claim(s, a)
			}
		}
	}
	for _, s := range services {
		asked, err := netip.ParseAddr(s.Spec.LoadBalancerIP)
		if !wanted(s) || err != nil || contains(result[key(s)].addresses, asked.Is4()) {
			continue
		}
		switch {
		case !inRange(asked):
			result[key(s)] = allocation{problem: fmt.Sprintf("spec.loadBalancerIP %s is outside %s: ask for an address inside, or for none", asked, plan.Balancer)}
		case taken[asked]:
			result[key(s)] = allocation{problem: fmt.Sprintf("spec.loadBalancerIP %s belongs to another Service: ask for another address, or for none", asked)}
		case hasFamily(s, asked):
			claim(s, asked)
		}
	}
	for _, s := range services {
		if !wanted(s) || result[key(s)].problem != "" {
			continue
		}
		for _, family := range s.Spec.IPFamilies {
			v4 := family == corev1.IPv4Protocol
			if contains(result[key(s)].addresses, v4) {
				continue
			}
			a, ok := firstFree(v4, taken)
			if !ok {
				result[key(s)] = allocation{problem: "every address of " + plan.Balancer.String() + " is in use: delete a Service of type LoadBalancer"}
				break
			}
			claim(s, a)
		}
	}
	return result
}

func key(s *corev1.Service) string { return s.Namespace + "/" + s.Name }

// held lists the addresses of our ranges in a Service's status.
func held(s *corev1.Service) []netip.Addr {
	var all []netip.Addr
	for _, i := range s.Status.LoadBalancer.Ingress {
		if a, err := netip.ParseAddr(i.IP); err == nil && inRange(a) {
			all = append(all, a)
		}
	}
	return all
}

// fits tells whether an address is the one that the Service asks for, if it asks for one of that family.
func fits(s *corev1.Service, a netip.Addr) bool {
	asked, err := netip.ParseAddr(s.Spec.LoadBalancerIP)
	return err != nil || asked.Is4() != a.Is4() || asked == a
}

func hasFamily(s *corev1.Service, a netip.Addr) bool {
	if a.Is4() {
		return slices.Contains(s.Spec.IPFamilies, corev1.IPv4Protocol)
	}
	return slices.Contains(s.Spec.IPFamilies, corev1.IPv6Protocol)
}

func inRange(a netip.Addr) bool { return plan.Balancer.V4.Contains(a) || plan.Balancer.V6.Contains(a) }

func contains(addresses []netip.Addr, v4 bool) bool {
	return slices.ContainsFunc(addresses, func(a netip.Addr) bool { return a.Is4() == v4 })
}

// poolSize is how many addresses are given out in each family: .1 to .254 of the IPv4 range.
const poolSize = 254

func firstFree(v4 bool, taken map[netip.Addr]bool) (netip.Addr, bool) {
	a := plan.Balancer.V6.Addr()
	if v4 {
		a = plan.Balancer.V4.Addr()
	}
	for range poolSize {
		if a = a.Next(); !taken[a] {
			return a, true
		}
	}
	return netip.Addr{}, false
}
