package controllers_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers"
)

const serverImage = "registry.example/fileserver:1.0.0"

var (
	restConfig *rest.Config
	// operatorConfig is that of the operator, which may do no more than its
	// role in config/rbac says.
	operatorConfig *rest.Config
	// api speaks to a real API server, as kubectl does. No kubelet, and none of
	// Kubernetes' own controllers run beside it.
	api client.Client
	// pods answer for the pods that tests make up.
	pods = &fakePods{}
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "These tests need a real API server: set KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd and kubectl, or run `make test`, which builds them.")
		return 1
	}
	var to io.Writer = &said
	if os.Getenv("TEST_LOGS") != "" {
		to = os.Stderr
	}
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(to, nil)))
	env := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join("..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}
	// Nothing deletes the Services of a test, and each has some forty ports.
	env.ControlPlane.GetAPIServer().Configure().Set("service-node-port-range", "1024-65535")
	var err error
	if restConfig, err = env.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "starting the API server:", err)
		return 1
	}
	defer func() { _ = env.Stop() }()
	restConfig.QPS, restConfig.Burst = 500, 1000
	if err := v1alpha1.AddToScheme(clientgoscheme.Scheme); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if api, err = client.New(restConfig, client.Options{FieldValidation: metav1.FieldValidationStrict}); err != nil {
		fmt.Fprintln(os.Stderr, "making a client:", err)
		return 1
	}
	if operatorConfig, err = asOperator(restConfig); err != nil {
		fmt.Fprintln(os.Stderr, "giving the operator its role:", err)
		return 1
	}
	// Tests wait for the operator more than they compute.
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// asOperator gives the operator's role to a service account, and returns the
// configuration of a client that is that account.
func asOperator(cfg *rest.Config) (*rest.Config, error) {
	const name = "system:serviceaccount:fileserver-system:fileserver-operator"
	b, err := os.ReadFile(filepath.Join("..", "config", "rbac", "role.yaml"))
	if err != nil {
		return nil, err
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.Unmarshal(bytes.Split(b, []byte("\n---\n"))[0], role); err != nil {
		return nil, err
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "operator"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: name}},
	}
	for _, obj := range []client.Object{role, binding} {
		if err := api.Create(context.Background(), obj); err != nil {
			return nil, err
		}
	}
	cfg = rest.CopyConfig(cfg)
	cfg.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	return cfg, nil
}

// startOperator runs the operator as cmd/manager does, and returns a function
// that ends it.
func startOperator(cfg *rest.Config, o controllers.Options) (stop func(), err error) {
	ctx, cancel := context.WithCancel(context.Background())
	yes := true
	o.SkipNameValidation = &yes
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Cache:   controllers.CacheOptions(o.Namespaces...),
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err == nil {
		err = controllers.Add(ctx, mgr, o)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	var done sync.WaitGroup
	done.Go(func() {
		if err := mgr.Start(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "the operator ended:", err)
		}
	})
	return func() { cancel(); done.Wait() }, nil
}

// namespace makes one for a test, with an operator of its own.
func namespace(t *testing.T, change ...func(*controllers.Options)) string {
	t.Helper()
	ns := bareNamespace(t)
	o := controllers.Options{Image: serverImage, Pods: pods, Namespaces: []string{ns}}
	for _, f := range change {
		f(&o)
	}
	stop, err := startOperator(operatorConfig, o)
	if err != nil {
		t.Fatal("starting the operator:", err)
	}
	t.Cleanup(stop)
	return ns
}

// bareNamespace makes one for a test.
func bareNamespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{}
	ns.GenerateName = "test-"
	create(t, ns)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("what the operator said last:\n" + said.about(ns.Name))
		}
	})
	return ns.Name
}

// said is what the operators have logged, for tests that fail.
var said logs

type logs struct {
	mu    sync.Mutex
	lines [][]byte
}

func (l *logs) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == 10_000 {
		l.lines = l.lines[5_000:]
	}
	l.lines = append(l.lines, bytes.Clone(line))
	return len(line), nil
}

// about returns the last lines that name a namespace, or that warn.
func (l *logs) about(ns string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var about [][]byte
	for _, line := range l.lines {
		if bytes.Contains(line, []byte(ns)) || !bytes.Contains(line, []byte("level=INFO")) {
			about = append(about, line)
		}
	}
	return string(bytes.Join(about[max(0, len(about)-20):], nil))
}

func create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := api.Create(t.Context(), o); err != nil {
			t.Fatalf("creating %T %s: %v", o, o.GetName(), err)
		}
	}
}

func update(t *testing.T, o client.Object, change func()) {
	t.Helper()
	eventually(t, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		change()
		return api.Update(t.Context(), o)
	})
}

// get waits until an object is there.
func get[T client.Object](t *testing.T, ns, name string, o T) T {
	t.Helper()
	eventually(t, func() error { return api.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, o) })
	return o
}

// How long anything may take. It is long because the machine may be busy.
const deadline = 2 * time.Minute

// eventually waits until what returns no error.
func eventually(t *testing.T, what func() error) {
	t.Helper()
	var err error
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(deadline)
	for {
		if err = what(); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("after %s: %v", deadline, err)
		}
	}
}

func now() time.Time { return time.Now() }
