package cloud

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func node(name string, ready corev1.ConditionStatus, labels ...string) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	for _, l := range labels {
		n.Labels[l] = ""
	}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}}
	return n
}

func TestTargets(t *testing.T) {
	up, gone := corev1.ConditionTrue, corev1.ConditionUnknown
	local := func(s *corev1.Service) { s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal }
	endpoints := []discoveryv1.EndpointSlice{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Labels: map[string]string{discoveryv1.LabelServiceName: "ftp"}},
		Endpoints: []discoveryv1.Endpoint{
			{NodeName: ptr.To("node0"), Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(false), Serving: ptr.To(true)}},
			{NodeName: ptr.To("node1"), Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)}},
		},
	}}
	for name, test := range map[string]struct {
		service *corev1.Service
		nodes   []corev1.Node
		want    []int
	}{
		"every ready node":                          {service("ftp", 1), []corev1.Node{node("node1", up), node("node0", up)}, []int{0, 1}},
		"not a node that does not answer":           {service("ftp", 1), []corev1.Node{node("node0", gone), node("node1", up)}, []int{1}},
		"not a node that is excluded by its label":  {service("ftp", 1), []corev1.Node{node("node0", up, corev1.LabelNodeExcludeBalancers), node("node1", up)}, []int{1}},
		"with policy Local, nodes with a ready pod": {service("ftp", 1, local), []corev1.Node{node("node0", up), node("node1", up)}, []int{1}},
		"with policy Local, pods of this Service":   {service("web", 1, local), []corev1.Node{node("node0", up), node("node1", up)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := targets(test.service, endpoints, test.nodes); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestRulesSpreadNewConnectionsOverTheNodes(t *testing.T) {
	got := rules([]route{
		{netip.MustParseAddr("2001:db8:51::1"), []int{0}, false},
		{netip.MustParseAddr("198.51.100.2"), []int{0, 2}, true},
		{netip.MustParseAddr("198.51.100.1"), []int{0, 1}, false},
		{netip.MustParseAddr("198.51.100.3"), nil, false},
	})
	for _, want := range []string{
		"ip daddr 198.51.100.1 ct state new ct mark != { 0x100, 0x101 } ct mark set numgen random mod 2 map { 0 : 0x100, 1 : 0x101 }",
		"ip daddr 198.51.100.2 ct state new ct mark != { 0x100, 0x102 } ct mark set jhash ip saddr mod 2 map { 0 : 0x100, 1 : 0x102 }",
		"ip6 daddr 2001:db8:51::1 ct state new ct mark != { 0x100 } ct mark set numgen random mod 1 map { 0 : 0x100 }",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "198.51.100.3") {
		t.Errorf("an address without a node has a rule:\n%s", got)
	}
}
