package scale

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers"
)

const (
	servers = 50
	// requestsEach is how many requests one server may take until it is ready, on
	// average: how many passes see a pod half ready is a matter of time.
	requestsEach = 20
	deadline     = 5 * time.Minute
)

func newScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs a manager until the test ends, or stop is called.
func run(t *testing.T, cfg *rest.Config, o cache.Options, add func(ctx context.Context, mgr ctrl.Manager) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{Scheme: newScheme(t), Cache: o, Metrics: metricsserver.Options{BindAddress: "0"}})
	if err == nil {
		err = add(ctx, mgr)
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		if err := mgr.Start(ctx); err != nil {
			t.Error("a manager ended:", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	t.Cleanup(stop)
	return stop
}

// start starts an API server with a cluster around it.
func start(t *testing.T) (*rest.Config, client.Client, *Cluster) {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("This test needs a real API server: set KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd, or run `make test`, which builds them.")
	}
	ctrl.SetLogger(logr.Discard())
	env := &envtest.Environment{CRDDirectoryPaths: []string{filepath.Join("..", "..", "config", "crd", "bases")}, ErrorIfCRDPathMissing: true}
	cfg, err := env.Start()
	if err != nil {
		t.Fatal("starting the API server:", err)
	}
	t.Cleanup(func() { _ = env.Stop() })
	cfg.QPS = -1
	api, err := client.New(cfg, client.Options{Scheme: newScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	var around *Cluster
	run(t, cfg, cache.Options{}, func(_ context.Context, mgr ctrl.Manager) (err error) {
		around, err = AddCluster(mgr)
		return err
	})
	return cfg, api, around
}

func TestFiftyServersTakeFewRequestsAndASteadyOneNone(t *testing.T) {
	cfg, api, around := start(t)
	requests := &Requests{}
	counted := rest.CopyConfig(cfg)
	counted.Wrap(requests.Wrap)
	operator := func(resync time.Duration) (stop func()) {
		yes := true
		o := controllers.CacheOptions()
		o.SyncPeriod = &resync
		return run(t, counted, o, func(ctx context.Context, mgr ctrl.Manager) error {
			return controllers.Add(ctx, mgr, controllers.Options{Image: "fileserver:test", Pods: around, SkipNameValidation: &yes})
		})
	}

	stop := operator(time.Hour)
	for i := range servers {
		create(t, api, fmt.Sprintf("files-%02d", i))
	}
	eventually(t, func() error { return allReady(t.Context(), api) })
	created := requests.Take()
	t.Logf("requests for each of %d servers:\n%s", servers, created.Table(servers))
	if each := float64(created.All()) / servers; each > requestsEach {
		t.Errorf("a server takes %.2f requests, want %d at most", each, requestsEach)
	}
	stop()
	requests.Take()

	// An operator that starts looks at each server, and then at each resync.
	before := passes(t)
	operator(time.Second)
	eventually(t, func() error {
		if n := passes(t) - before; n < 3*servers {
			return fmt.Errorf("the operator has looked %d times, want %d", n, 3*servers)
		}
		return nil
	})
	if again := requests.Take(); again.All() > 0 {
		t.Errorf("requests for each of %d servers of which nothing changed:\n%s", servers, again.Table(servers))
	}
}

// passes is how often the operators of this process have looked at a server.
func passes(t *testing.T) (n int) {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
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
	return n
}

// eventually waits until what returns no error.
func eventually(t *testing.T, what func() error) {
	t.Helper()
	look(t, 200*time.Millisecond, what)
}

// look is eventually, looking so often.
func look(t *testing.T, every time.Duration, what func() error) {
	t.Helper()
	tick := time.NewTicker(every)
	defer tick.Stop()
	timeout := time.After(deadline)
	for {
		err := what()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("after %s: %v", deadline, err)
		}
	}
}

// create makes a server with two users.
func create(t *testing.T, c client.Client, name string) {
	t.Helper()
	no := false
	fs := &v1alpha1.FileServer{}
	fs.Namespace, fs.Name = corev1.NamespaceDefault, name
	fs.Spec.Expose.LoadBalancer = &v1alpha1.LoadBalancer{AllocateNodePorts: &no}
	objects := []client.Object{fs}
	for _, who := range []string{"alice", "bob"} {
		u := &v1alpha1.FileServerUser{}
		u.Namespace, u.Name = fs.Namespace, name+"-"+who
		u.Spec.ServerRef.Name = name
		objects = append(objects, u)
	}
	for _, o := range objects {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatalf("creating %s: %v", o.GetName(), err)
		}
	}
}

// allReady says whether servers or users are not ready, or still change.
func allReady(ctx context.Context, c client.Client) error {
	var all v1alpha1.FileServerList
	var users v1alpha1.FileServerUserList
	if err := errors.Join(c.List(ctx, &all), c.List(ctx, &users)); err != nil {
		return err
	}
	ready := 0 // and settled
	count := func(conditions []metav1.Condition) {
		if meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady) && meta.IsStatusConditionFalse(conditions, v1alpha1.ConditionReconciling) {
			ready++
		}
	}
	for i := range all.Items {
		count(all.Items[i].Status.Conditions)
	}
	for i := range users.Items {
		count(users.Items[i].Status.Conditions)
	}
	if ready < 3*servers {
		return fmt.Errorf("%d of %d servers and users are ready", ready, 3*servers)
	}
	return nil
}
