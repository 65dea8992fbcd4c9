package cloud

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/network"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/plan"
)

// targets lists the nodes, by number, that a balancer sends a Service's new connections to: every ready
// node, or for externalTrafficPolicy Local those with a ready pod, as kube-proxy's health check for
// balancers tells it.
func targets(s *corev1.Service, endpoints []discoveryv1.EndpointSlice, nodes []corev1.Node) []int {
	local := map[string]bool{}
	for _, slice := range endpoints {
		if slice.Namespace != s.Namespace || slice.Labels[discoveryv1.LabelServiceName] != s.Name {
			continue
		}
		for _, e := range slice.Endpoints {
			if e.NodeName != nil && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
				local[*e.NodeName] = true
			}
		}
	}
	var numbers []int
	for _, n := range nodes {
		var number int
		if _, err := fmt.Sscanf(n.Name, "node%d", &number); err != nil || !nodeReady(n) {
			continue
		}
		if _, excluded := n.Labels[corev1.LabelNodeExcludeBalancers]; excluded {
			continue
		}
		if s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal && !local[n.Name] {
			continue
		}
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return numbers
}

func nodeReady(n corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// A route is one balancer address and the nodes behind it.
type route struct {
	address netip.Addr
	nodes   []int
	sticky  bool // the same client address, the same node
}

// rules renders the router's packet filter. A new connection is given to one of the nodes, at random, and
// the choice is kept in its connection mark: what becomes of the Service or of the other nodes later
// does not move it. Only while it is unanswered, which tracking remembers for two minutes, is it given away
// from a node that is none of the Service's: by then the address may be another Service's, and a client may
// use its port again. Control and data connections of one client thus enter by different nodes, as they do
// behind real balancers that go by the connection.
func rules(routes []route) string {
	slices.SortFunc(routes, func(a, b route) int { return a.address.Compare(b.address) })
	var b strings.Builder
	b.WriteString(`add table inet balancer
delete table inet balancer
table inet balancer {
	chain prerouting {
		type filter hook prerouting priority mangle; policy accept;
`)
	for _, r := range routes {
		if len(r.nodes) == 0 {
			continue // no mark, so the address answers that it is unreachable
		}
		family := "ip"
		if r.address.Is6() {
			family = "ip6"
		}
		choose := "numgen random"
		if r.sticky {
			choose = "jhash " + family + " saddr"
		}
		marks, numbered := make([]string, len(r.nodes)), make([]string, len(r.nodes))
		for i, n := range r.nodes {
			marks[i] = fmt.Sprintf("%#x", network.NodeMark(n))
			numbered[i] = fmt.Sprintf("%d : %s", i, marks[i])
		}
		fmt.Fprintf(&b, "\t\t%s daddr %s ct state new ct mark != { %s } ct mark set %s mod %d map { %s }\n",
			family, r.address, strings.Join(marks, ", "), choose, len(r.nodes), strings.Join(numbered, ", "))
	}
	// Only towards the balancer: an answer that carried the mark would be sent back to the node.
	fmt.Fprintf(&b, "\t\tip daddr %s ct direction original meta mark set ct mark\n", plan.Balancer.V4)
	fmt.Fprintf(&b, "\t\tip6 daddr %s ct direction original meta mark set ct mark\n", plan.Balancer.V6)
	b.WriteString("\t}\n}\n")
	return b.String()
}
