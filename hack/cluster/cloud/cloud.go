// Package cloud is what a cluster's surroundings provide: addresses for Services of type LoadBalancer,
// storage, and a way to the API server from the machine itself. One background process does it.
package cloud

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	controllerconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/network"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/plan"
)

// Options say which cluster to serve.
type Options struct {
	Cluster    plan.Cluster
	Listen     string // address of the machine's loopback interface to forward to the API server
	Kubeconfig string // names that address
	Volumes    string // folder for volumes
}

// Run serves a cluster until ctx ends. It waits for an API server that is not there yet, and goes on when
// one is restarted.
func Run(ctx context.Context, o Options) error {
	log := klog.Background()
	ctrl.SetLogger(log)
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return err
	}
	target := net.JoinHostPort(plan.ControlAddresses().V4.String(), plan.APIServerPort)
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		cancel(forward(ctx, log, listener, o.Cluster.Namespace(plan.Control), target))
	}()

	for ctx.Err() == nil {
		if err := serve(ctx, o); err != nil && ctx.Err() == nil {
			log.Error(err, "starting over")
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// serve runs the controllers.
func serve(ctx context.Context, o Options) error {
	config, err := clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // no client-side limit: tests make many Services at once
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := waitReady(ctx, config); err != nil {
		return err
	}
	if err := ensureStorageClass(ctx, clientset); err != nil {
		return fmt.Errorf("making the StorageClass: %w", err)
	}

	mgr, err := ctrl.NewManager(config, manager.Options{
		Metrics: metricsserver.Options{BindAddress: "0"}, // no port of the machine is taken
		Cache:   cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
		// Names of controllers are unique in a process, but this runs anew when the API server was away.
		Controller: controllerconfig.Controller{SkipNameValidation: ptr.To(true)},
	})
	if err != nil {
		return err
	}
	router := o.Cluster.Namespace(plan.Router)
	b := &balancer{
		Client:   mgr.GetClient(),
		recorder: mgr.GetEventRecorder("cloud"),
		apply:    func(ctx context.Context, ruleset string) error { return network.ApplyFilter(ctx, router, ruleset) },
	}
	if err := b.setup(mgr); err != nil {
		return err
	}
	if err := mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		controller.NewProvisionController(ctx, clientset, provisionerName, &directories{root: o.Volumes},
			controller.LeaderElection(false), controller.MetricsPort(0)).Run(ctx)
		return nil
	})); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// waitReady waits until the API server is.
func waitReady(ctx context.Context, config *rest.Config) error {
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host+"/readyz", nil)
		if err != nil {
			return err
		}
		response, err := httpClient.Do(request)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
