package scale

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// Environment is an API server and its etcd, with a [Cluster] around them.
type Environment struct {
	Config     *rest.Config // without a limit of its own
	Kubeconfig []byte
	Client     client.Client // asks the API server itself
	Cached     cache.Cache   // of all that the cluster looks at
	Cluster    *Cluster

	control *envtest.Environment
	stop    func() error
}

// Start starts an environment. The folder has the custom resource definitions.
func Start(definitions string) (*Environment, error) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return nil, errors.New("this needs a real API server: set KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd, or run `make`, which builds them")
	}
	e := &Environment{control: &envtest.Environment{CRDDirectoryPaths: []string{definitions}, ErrorIfCRDPathMissing: true}, stop: func() error { return nil }}
	// Room for a cluster IP of each of many Services, and for a node port: each balancer
	// takes one for its health checks.
	flags := e.control.ControlPlane.GetAPIServer().Configure()
	flags.Set("service-cluster-ip-range", "10.0.0.0/12")
	flags.Set("service-node-port-range", "10000-65000")
	cfg, err := e.control.Start()
	if err != nil {
		return nil, fmt.Errorf("starting the API server: %w", err)
	}
	cfg.QPS = -1
	e.Config, e.Kubeconfig = cfg, e.control.KubeConfig
	if err := e.surround(); err != nil {
		return nil, errors.Join(err, e.Stop())
	}
	return e, nil
}

// surround puts the cluster around the API server.
func (e *Environment) surround() (err error) {
	if e.Client, err = client.New(e.Config, client.Options{Scheme: NewScheme()}); err != nil {
		return err
	}
	mgr, err := NewManager(e.Config, cache.Options{})
	if err != nil {
		return err
	}
	if e.Cluster, err = AddCluster(mgr); err != nil {
		return err
	}
	e.Cached = mgr.GetCache()
	e.stop = Run(mgr)
	return nil
}

// Stop ends the environment.
func (e *Environment) Stop() error { return errors.Join(e.stop(), e.control.Stop()) }

// NewScheme has the kinds of Kubernetes and of the operator.
func NewScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(s), v1alpha1.AddToScheme(s)); err != nil {
		panic(err)
	}
	return s
}

// NewManager makes a manager without servers of its own.
func NewManager(cfg *rest.Config, o cache.Options) (ctrl.Manager, error) {
	return ctrl.NewManager(cfg, ctrl.Options{Scheme: NewScheme(), Cache: o, Metrics: metricsserver.Options{BindAddress: "0"}})
}

// Run runs a manager until stop is called, which returns why it ended.
func Run(mgr ctrl.Manager) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	return sync.OnceValue(func() error { cancel(); return <-ended })
}

// Server is a FileServer that is as it is by default.
func Server(namespace, name string) *v1alpha1.FileServer {
	return &v1alpha1.FileServer{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// Users are two users of a FileServer.
func Users(fs *v1alpha1.FileServer) []*v1alpha1.FileServerUser {
	var users []*v1alpha1.FileServerUser
	for _, who := range []string{"alice", "bob"} {
		u := &v1alpha1.FileServerUser{ObjectMeta: metav1.ObjectMeta{Namespace: fs.Namespace, Name: fs.Name + "-" + who}}
		u.Spec.ServerRef.Name = fs.Name
		users = append(users, u)
	}
	return users
}

// Create makes a FileServer and its two users.
func Create(ctx context.Context, c client.Client, fs *v1alpha1.FileServer) error {
	if err := c.Create(ctx, fs); err != nil {
		return fmt.Errorf("creating %s: %w", fs.Name, err)
	}
	for _, u := range Users(fs) {
		if err := c.Create(ctx, u); err != nil {
			return fmt.Errorf("creating %s: %w", u.Name, err)
		}
	}
	return nil
}

// MakeNamespace makes a namespace, unless it exists.
func MakeNamespace(ctx context.Context, c client.Client, name string) error {
	return client.IgnoreAlreadyExists(c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
}
