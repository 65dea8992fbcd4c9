package controllers_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers"
)

// aCache has these objects, or is not filled yet.
type aCache struct {
	client.Reader
	servers []v1alpha1.FileServer
	users   []v1alpha1.FileServerUser
	err     error
}

func (c *aCache) List(_ context.Context, to client.ObjectList, _ ...client.ListOption) error {
	switch list := to.(type) {
	case *v1alpha1.FileServerList:
		list.Items = c.servers
	case *v1alpha1.FileServerUserList:
		list.Items = c.users
	}
	return c.err
}

// gathered are the metrics of a cache, with the condition and its reason.
func gathered(t *testing.T, c *aCache) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(controllers.StatusCollector{Cached: c})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()[len("fileserver_operator_"):]
			for _, l := range m.GetLabel() {
				if l.GetName() == "condition" || l.GetName() == "reason" {
					name += " " + l.GetValue()
				}
			}
			got[name] = m.GetGauge().GetValue()
		}
	}
	return got
}

func TestPrometheusIsToldWhatTheStatusesSay(t *testing.T) {
	t.Parallel()
	fs, replicas, ready, observed := fileServer("ns", "files"), int32(3), int32(2), int64(4)
	fs.Generation, fs.Spec.Replicas = 5, &replicas
	fs.Status = v1alpha1.FileServerStatus{ReadyReplicas: &ready, ObservedGeneration: &observed, Conditions: []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonAddressPending},
		{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAddressPending},
	}}
	good, bad, other := user("ns", "good", "files"), user("ns", "bad", "files"), user("elsewhere", "bad", "files")
	for _, u := range []*v1alpha1.FileServerUser{bad, other} {
		u.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonKeyInvalid}}
	}
	cache := &aCache{servers: []v1alpha1.FileServer{*fs}, users: []v1alpha1.FileServerUser{*good, *bad, *other}}
	want := map[string]float64{
		"condition Ready AddressPending": 0, "condition Reconciling AddressPending": 1,
		"replicas_wanted": 3, "replicas_ready": 2, "generations_behind": 1, "users": 2, "users_stalled": 1,
	}
	if got := gathered(t, cache); !maps.Equal(got, want) {
		t.Errorf("it is told\n%v, want\n%v", got, want)
	}
	cache.err = errors.New("the cache is not filled yet")
	if got := gathered(t, cache); len(got) != 0 {
		t.Errorf("while nothing is known it is told %v", got)
	}
}
