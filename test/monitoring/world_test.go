package monitoring_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/test/fixture"
	"github.com/fileserver-dev/fileserver-operator/test/objectstore"
)

const (
	user, password = "alice", "right"
	bigSize        = 32 << 20 // more than sockets hold of a transfer that is cut
)

// world is the operator beside a real API server, a file server with a volume and one with
// a bucket: all as processes.
type world struct {
	operator       string // address of its metrics
	volume, bucket *server
}

type server struct {
	*fixture.Process
	dir   string
	ports fixture.Ports
	conf  *config.Config
}

func newWorld(t *testing.T) *world {
	t.Helper()
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./cmd/manager", "./cmd/fileserver")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w := &world{operator: startOperator(t, filepath.Join(bin, "manager"))}
	w.volume = startServer(t, bin, nil)
	store := objectstore.New(t)
	store.Fail(func(n int, _, _ string) objectstore.Fault {
		if n == 1 {
			return objectstore.Busy
		}
		return objectstore.None
	})
	w.bucket = startServer(t, bin, func(s *server) {
		s.conf.Storage.Root = ""
		s.conf.Storage.Bucket = &config.Bucket{
			Endpoint: store.URL, Name: objectstore.Bucket, PathStyle: true, CredentialsDir: s.dir, PartSize: config.MinPartSize,
		}
	})
	return w
}

// startOperator runs it against an API server that has a FileServer with a user, and one
// that is paused.
func startOperator(t *testing.T, binary string) (metrics string) {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("this needs a real API server: set KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd, or run `make test`, which builds them")
	}
	log.SetLogger(logr.Discard())
	env := &envtest.Environment{CRDDirectoryPaths: []string{filepath.Join(root, "config", "crd", "bases")}, ErrorIfCRDPathMissing: true}
	cfg, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Stop() })
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []client.Object{
		&v1alpha1.FileServer{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "files"}},
		&v1alpha1.FileServerUser{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: user}, Spec: v1alpha1.FileServerUserSpec{ServerRef: v1alpha1.ServerReference{Name: "files"}}},
		&v1alpha1.FileServer{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "paused", Annotations: map[string]string{v1alpha1.AnnotationPaused: "true"}}},
	} {
		if err := api.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, env.KubeConfig, 0o600); err != nil {
		t.Fatal(err)
	}
	ports, err := fixture.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	metrics = fixture.Address(ports.HTTP)
	operator := exec.Command(binary, "--metrics-secure=false", "--metrics-bind-address="+metrics, "--health-probe-bind-address=0")
	operator.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	run(t, "operator", operator)
	return metrics
}

func startServer(t *testing.T, bin string, change func(*server)) *server {
	t.Helper()
	ports, err := fixture.FreePorts(10)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{dir: t.TempDir(), ports: ports}
	s.conf = fixture.Config(s.dir, ports)
	if change != nil {
		change(s)
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte("key"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err = errors.Join(fixture.WriteKeys(s.dir, fixture.NewCertificate(), fixture.NewSSHKey()),
		fixture.WriteConfig(s.dir, s.conf, fixture.User(user, password)),
		os.WriteFile(filepath.Join(s.dir, "big"), make([]byte, bigSize), 0o600))
	if err == nil {
		s.Process, err = fixture.Start(t.Context(), filepath.Join(bin, "fileserver"), s.dir, ports.HTTP)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

// clients do what the metrics count: come and go, transfer, are refused, and are cut off.
func (s *server) clients(t *testing.T) {
	t.Helper()
	url := "ftp://" + fixture.Address(s.ports.FTP) + "/"
	for _, c := range []struct {
		args []string
		ok   bool
	}{
		{[]string{"--user", user + ":" + password, "-T", filepath.Join(s.dir, "big"), url + "file"}, true},
		{[]string{"--user", user + ":" + password, "-o", os.DevNull, url + "file"}, true},
		{[]string{"--user", user + ":wrong", url}, false},
		{[]string{"--user", user + ":" + password, "--limit-rate", "1k", "--max-time", "1", "-o", os.DevNull, url + "file"}, false},
	} {
		cmd := exec.CommandContext(t.Context(), "curl", append([]string{"--silent", "--show-error", "--max-time", "60"}, c.args...)...)
		if out, err := cmd.CombinedOutput(); (err == nil) != c.ok {
			t.Errorf("curl %s: %v\n%s", strings.Join(c.args, " "), err, out)
		}
	}
}

// changeUsers gives the server a configuration that it takes.
func (s *server) changeUsers(t *testing.T) {
	t.Helper()
	if err := fixture.WriteConfig(s.dir, s.conf, fixture.User(user, password), fixture.User("bob", password)); err != nil {
		t.Fatal(err)
	}
}

// misconfigure gives the server a configuration that it has to refuse.
func (s *server) misconfigure(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, fixture.ConfigFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs a program until the test ends, and shows what it said if the test fails.
func run(t *testing.T, name string, cmd *exec.Cmd) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if said, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("%s said:\n%s", name, said[max(0, len(said)-4000):])
		}
		log.Close()
	})
}

// get asks for a page.
func get(t *testing.T, url string) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return string(body), err
}

// eventually waits until there is no error.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.NewTimer(90 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal(err)
		}
	}
}
