package cloud

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// service makes a Service of type LoadBalancer that is n minutes younger than the first.
func service(name string, n int, change ...func(*corev1.Service)) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name,
			CreationTimestamp: metav1.NewTime(time.Unix(0, 0).Add(time.Duration(n) * time.Minute)),
		},
		Spec: corev1.ServiceSpec{
			Type:       corev1.ServiceTypeLoadBalancer,
			IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol},
		},
	}
	for _, c := range change {
		c(s)
	}
	return s
}

func holds(ip string) func(*corev1.Service) {
	return func(s *corev1.Service) {
		s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: ip})
	}
}

func asks(ip string) func(*corev1.Service) {
	return func(s *corev1.Service) { s.Spec.LoadBalancerIP = ip }
}

func dual(s *corev1.Service) {
	s.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}
}

func classed(s *corev1.Service) { class := "example.com/other"; s.Spec.LoadBalancerClass = &class }

func clusterIP(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP }

func TestAllocate(t *testing.T) {
	for name, test := range map[string]struct {
		services []*corev1.Service
		want     map[string]string // name to addresses, or to a part of the problem
	}{
		"each Service gets an address of its own, the oldest the first": {
			[]*corev1.Service{service("b", 2), service("a", 1)},
			map[string]string{"a": "198.51.100.1", "b": "198.51.100.2"},
		},
		"an address in the status stays": {
			[]*corev1.Service{service("old", 1), service("new", 2, holds("198.51.100.1"))},
			map[string]string{"new": "198.51.100.1", "old": "198.51.100.2"},
		},
		"two Services that hold one address do not share it": {
			[]*corev1.Service{service("a", 1, holds("198.51.100.7")), service("b", 2, holds("198.51.100.7"))},
			map[string]string{"a": "198.51.100.7", "b": "198.51.100.1"},
		},
		"an address that is asked for is given before others choose": {
			[]*corev1.Service{service("a", 1), service("b", 2, asks("198.51.100.1"))},
			map[string]string{"a": "198.51.100.2", "b": "198.51.100.1"},
		},
		"asking for another address gives up the one that is held": {
			[]*corev1.Service{service("a", 1, holds("198.51.100.1"), asks("198.51.100.9"))},
			map[string]string{"a": "198.51.100.9"},
		},
		"an address outside the range is refused with a sentence": {
			[]*corev1.Service{service("a", 1, asks("203.0.113.9"))},
			map[string]string{"a": "203.0.113.9 is outside"},
		},
		"an address of another Service is refused with a sentence": {
			[]*corev1.Service{service("a", 1, holds("198.51.100.9")), service("b", 2, asks("198.51.100.9"))},
			map[string]string{"a": "198.51.100.9", "b": "belongs to another Service"},
		},
		"a dual-stack Service gets an address in both families": {
			[]*corev1.Service{service("a", 1, dual)},
			map[string]string{"a": "198.51.100.1 2001:db8:51::1"},
		},
		"a Service that becomes dual-stack keeps its address": {
			[]*corev1.Service{service("a", 1, dual, holds("198.51.100.5"))},
			map[string]string{"a": "198.51.100.5 2001:db8:51::1"},
		},
		"a Service of another class or type gets none, and what it held is free": {
			[]*corev1.Service{service("a", 1, classed), service("b", 2, clusterIP, holds("198.51.100.1")), service("c", 3)},
			map[string]string{"a": "", "b": "", "c": "198.51.100.1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := allocate(test.services)
			for service, want := range test.want {
				a := got["default/"+service]
				if text := strings.Trim(fmt.Sprint(a.addresses), "[]"); text != want && (want == "" || !strings.Contains(a.problem, want)) {
					t.Errorf("%s: got %q (%s), want %q", service, text, a.problem, want)
				}
			}
		})
	}
}

func TestAllocateSaysWhenTheRangeIsUsedUp(t *testing.T) {
	var services []*corev1.Service
	for i := range poolSize + 1 {
		services = append(services, service(fmt.Sprintf("s%03d", i), i))
	}
	got := allocate(services)
	if last := got[fmt.Sprintf("default/s%03d", poolSize)]; len(last.addresses) != 0 || !strings.Contains(last.problem, "in use") {
		t.Errorf("the last one got %+v", last)
	}
	if first := got["default/s000"]; len(first.addresses) != 1 {
		t.Errorf("the first one got %+v", first)
	}
}
