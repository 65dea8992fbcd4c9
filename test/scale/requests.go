package scale

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// Requests counts what a client asks of the API server.
type Requests struct {
	mu    sync.Mutex
	count map[string]int // by "verb resource"
}

// Wrap counts the requests of a rest.Config: hand it to its Wrap.
func (c *Requests) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if name := requestName(r); name != "" {
			c.mu.Lock()
			if c.count == nil {
				c.count = map[string]int{}
			}
			c.count[name]++
			c.mu.Unlock()
		}
		return next.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// requestName is "verb resource"; "" for discovery, and for the lists and watches
// that fill caches: their number does not depend on that of the objects.
func requestName(r *http.Request) string {
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case path[0] == "api" && len(path) > 2:
		path = path[2:]
	case path[0] == "apis" && len(path) > 3:
		path = path[3:]
	default:
		return ""
	}
	if path[0] == "namespaces" && len(path) > 2 {
		path = path[2:]
	}
	query := r.URL.Query()
	if query.Get("watch") != "" || query.Get("limit") != "" {
		return ""
	}
	resource, named := path[0], len(path) > 1
	if len(path) > 2 {
		resource += "/" + path[2]
	}
	verb := strings.ToLower(r.Method)
	switch {
	case verb == "patch" && strings.HasPrefix(r.Header.Get("Content-Type"), "application/apply-patch"):
		verb = "apply"
	case verb == "post":
		verb = "create"
	case verb == "put":
		verb = "update"
	case verb == "get" && !named:
		verb = "list"
	}
	return verb + " " + resource
}

// Take returns the counts since the last call.
func (c *Requests) Take() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.count
	c.count = nil
	return taken
}

// Counts are numbers of requests by "verb resource".
type Counts map[string]int

// All is their sum.
func (c Counts) All() (all int) {
	for _, n := range c {
		all += n
	}
	return all
}

// Table has a line for each verb and resource, with the number per object.
func (c Counts) Table(objects int) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "%7.2f  %s\n", float64(c[name])/float64(objects), name)
	}
	fmt.Fprintf(&b, "%7.2f  in all\n", float64(c.All())/float64(objects))
	return b.String()
}

// Passes is how often the operators of a process have looked at a server.
func Passes(registry prometheus.Gatherer) (n int, err error) {
	families, err := registry.Gather()
	if err != nil {
		return 0, fmt.Errorf("reading the metrics: %w", err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "controller_runtime_reconcile_total" && l.GetValue() == "fileserver" {
					n += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return n, nil
}

// Settled says whether an object is ready, and nothing is under way.
func Settled(conditions []metav1.Condition) bool {
	return meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady) && meta.IsStatusConditionFalse(conditions, v1alpha1.ConditionReconciling)
}
