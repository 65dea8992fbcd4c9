package main

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

func parsed(t *testing.T, args ...string) *flags {
	t.Helper()
	var (
		f   flags
		set = flag.NewFlagSet("manager", flag.ContinueOnError)
	)
	f.register(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &f
}

func TestMetricsAreServedOnlyToThoseWhoMayReadThemUnlessOneSaysSo(t *testing.T) {
	if m := parsed(t).metrics(); !m.SecureServing || m.FilterProvider == nil || m.BindAddress != ":8443" {
		t.Errorf("by default, metrics are served with %+v", m)
	}
	if m := parsed(t, "--metrics-secure=false", "--metrics-bind-address=:8080").metrics(); m.SecureServing || m.FilterProvider != nil {
		t.Errorf("in the open, metrics are served with %+v", m)
	}
}

func TestTheRequestsOfAllKindsTogetherAreLimited(t *testing.T) {
	var asked atomic.Int32
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	defer api.Close()
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	kinds := []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}, &corev1.Service{}, &appsv1.Deployment{}}
	for _, o := range kinds {
		kind, err := apiutil.GVKForObject(o, scheme)
		if err != nil {
			t.Fatal(err)
		}
		mapper.Add(kind, meta.RESTScopeNamespace)
	}
	// One each hour, and two in a burst.
	limiter := flowcontrol.NewTokenBucketRateLimiter(1./3600, 2)
	if f := parsed(t, "--kube-api-qps=7"); f.rateLimiter().QPS() != 7 {
		t.Errorf("with --kube-api-qps=7 the limit is %v", f.rateLimiter().QPS())
	}
	c, err := client.New(&rest.Config{Host: api.URL, RateLimiter: limiter}, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range kinds {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_ = c.Get(ctx, client.ObjectKey{Namespace: "default", Name: "any"}, o)
		cancel()
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("of %d requests for different kinds %d were made, want 2", len(kinds), n)
	}
}

func TestOnlyTheOperatorAndThoseWhoAreNamedMayReadTheMetricsOfServers(t *testing.T) {
	own := filepath.Join(t.TempDir(), "namespace")
	if got := parsed(t).metricsNamespaces(own); got != nil {
		t.Errorf("outside of a pod, the namespaces are %v", got)
	}
	if err := os.WriteFile(own, []byte("system"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := parsed(t).metricsNamespaces(own); !slices.Equal(got, []string{"system"}) {
		t.Errorf("by default, the namespaces are %v", got)
	}
	if got := parsed(t, "--metrics-namespaces=system,monitoring").metricsNamespaces(own); !slices.Equal(got, []string{"monitoring", "system"}) {
		t.Errorf("the namespaces are %v", got)
	}
}
