package scale

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

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

// start starts an environment until the test ends.
func start(t *testing.T) *Environment {
	t.Helper()
	ctrl.SetLogger(logr.Discard())
	e, err := Start(filepath.Join("..", "..", "config", "crd", "bases"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Log("ending the API server:", err) // which may take long on a busy machine
		}
	})
	return e
}

// operate runs an operator until the test ends, or stop is called.
func operate(t *testing.T, e *Environment, cfg *rest.Config, resync time.Duration) (stop func()) {
	t.Helper()
	caching := controllers.CacheOptions()
	caching.SyncPeriod = &resync
	mgr, err := NewManager(cfg, caching)
	if err == nil {
		yes := true
		err = controllers.Add(t.Context(), mgr, controllers.Options{Image: "fileserver:test", Pods: e.Cluster, NoNodePorts: true, SkipNameValidation: &yes})
	}
	if err != nil {
		t.Fatal(err)
	}
	end := Run(mgr)
	stop = func() {
		if err := end(); err != nil {
			t.Error("the operator ended:", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func TestFiftyServersTakeFewRequestsAndASteadyOneNone(t *testing.T) {
	e := start(t)
	requests := &Requests{}
	counted := rest.CopyConfig(e.Config)
	counted.Wrap(requests.Wrap)

	stop := operate(t, e, counted, time.Hour)
	for i := range servers {
		if err := Create(t.Context(), e.Client, Server(corev1.NamespaceDefault, fmt.Sprintf("files-%02d", i))); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() error { return allReady(t.Context(), e.Client) })
	created := requests.Take()
	t.Logf("requests for each of %d servers:\n%s", servers, created.Table(servers))
	if each := float64(created.All()) / servers; each > requestsEach {
		t.Errorf("a server takes %.2f requests, want %d at most", each, requestsEach)
	}
	stop()
	requests.Take()

	// An operator that starts looks at each server, and then at each resync.
	before := passes(t)
	operate(t, e, counted, time.Second)
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
func passes(t *testing.T) int {
	t.Helper()
	n, err := Passes(metrics.Registry)
	if err != nil {
		t.Fatal(err)
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

// allReady says whether servers or users are not ready, or still change.
func allReady(ctx context.Context, c client.Client) error {
	var all v1alpha1.FileServerList
	var users v1alpha1.FileServerUserList
	if err := errors.Join(c.List(ctx, &all), c.List(ctx, &users)); err != nil {
		return err
	}
	settled := 0
	for i := range all.Items {
		if Settled(all.Items[i].Status.Conditions) {
			settled++
		}
	}
	for i := range users.Items {
		if Settled(users.Items[i].Status.Conditions) {
			settled++
		}
	}
	if settled < 3*servers {
		return fmt.Errorf("%d of %d servers and users are ready", settled, 3*servers)
	}
	return nil
}
