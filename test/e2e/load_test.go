//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/test/clients"
	"github.com/fileserver-dev/fileserver-operator/test/cluster"
	"github.com/fileserver-dev/fileserver-operator/test/operator"
)

// report is what test/load prints.
type report struct {
	Sessions, Transfers, Cut, Refused, Reconnected, Unreached int
	Errors                                                    []string
}

// loadProgram builds test/load once.
var loadProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(cluster.Root(), "bin", "load")
	cmd := exec.Command("go", "build", "-o", path, "./test/load")
	cmd.Dir = cluster.Root()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building test/load: %w: %s", err, out)
	}
	return path, nil
})

// load is a run of test/load where the clients are.
type load struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   bytes.Buffer
	stdin io.WriteCloser
}

// startLoad starts sessions that move files until finish, or until each has
// made the transfers that args ask for.
func startLoad(ctx context.Context, t *testing.T, target clients.Target, args ...string) *load {
	t.Helper()
	program, err := loadProgram()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{
		"-host", target.Host, "-ftp", fmt.Sprint(target.FTP), "-ftps", fmt.Sprint(target.FTPS), "-sftp", fmt.Sprint(target.SFTP),
		"-user", target.User,
	}, args...)
	l := &load{t: t, cmd: kube.Client(ctx, program, args...)}
	l.cmd.Env = append(os.Environ(), "PASSWORD="+target.Password)
	l.cmd.Stdout, l.cmd.Stderr = &l.out, os.Stderr
	if l.stdin, err = l.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return l
}

// wait returns the report of a load that ends by itself.
func (l *load) wait() report {
	l.t.Helper()
	if err := l.cmd.Wait(); err != nil {
		l.t.Fatalf("test/load: %v", err)
	}
	var r report
	if err := json.Unmarshal(l.out.Bytes(), &r); err != nil {
		l.t.Fatalf("test/load printed %q: %v", l.out.String(), err)
	}
	return r
}

// finish has the sessions end after the transfer that each is in.
func (l *load) finish() report {
	l.t.Helper()
	l.stdin.Close()
	return l.wait()
}

func (r report) lossless() bool {
	return r.Cut == 0 && r.Refused == 0 && r.Unreached == 0 && r.Transfers > 0
}

func (r report) String() string {
	s := fmt.Sprintf("transfers=%d cut=%d refused=%d reconnected=%d unreached=%d",
		r.Transfers, r.Cut, r.Refused, r.Reconnected, r.Unreached)
	if len(r.Errors) > 0 {
		s += "\n  " + strings.Join(r.Errors, "\n  ")
	}
	return s
}

// spread is storage for pods on several nodes.
const spread = `storage: {claim: {size: 1Gi, accessModes: [ReadWriteMany]}}`

// TestSessionsScaleOutBehindOneAddress has many clients use several pods, on
// two nodes, through one address. A data connection has to reach the pod that
// asked for it, every time.
func TestSessionsScaleOutBehindOneAddress(t *testing.T) {
	n := newSpace(t)
	target := n.serve("{replicas: 2, " + spread + "}")
	for _, replicas := range []int{2, 4} {
		n.scale(replicas)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		r := startLoad(ctx, t, target, "-sessions", "200", "-transfers", "20", "-size", "2048",
			"-kinds", "ftp-epsv,ftp-pasv,ftps-epsv,ftps-pasv").wait()
		cancel()
		fmt.Printf("scale-out replicas=%d sessions=%d %s\n", replicas, r.Sessions, r)
		if !r.lossless() {
			t.Errorf("%d replicas: %s", replicas, r)
		}
	}
}

// TestSessionsFailBehindAPlainService runs the same clients against what people
// make without an operator: a Deployment of the same image, with the same
// storage, users and configuration, and a Service with every port of every pod.
// It has to fail, or the slots of a FileServer would be for nothing. The clients
// make fewer transfers and give up sooner than with slots: a data connection that
// reaches a pod which awaits another client there hangs.
func TestSessionsFailBehindAPlainService(t *testing.T) {
	n := newSpace(t)
	target := n.serve("{" + spread + "}")
	target.Host = n.servePlainly()
	for _, replicas := range []int{2, 4} {
		n.kubectl("scale", "deployment", "plain", fmt.Sprintf("--replicas=%d", replicas))
		n.kubectl("rollout", "status", "deployment", "plain", "--timeout=2m")
		if err := operator.WaitAnswering(t.Context(), kube, target); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		r := startLoad(ctx, t, target, "-sessions", "200", "-transfers", "3", "-size", "2048", "-patience", "2s",
			"-kinds", "ftp-epsv,ftp-pasv,ftps-epsv,ftps-pasv").wait()
		cancel()
		failed := r.Cut + r.Refused + r.Unreached
		fmt.Printf("scale-out plain replicas=%d sessions=%d transfers=%d failed=%d (cut=%d refused=%d unreached=%d)\n",
			replicas, r.Sessions, r.Transfers, failed, r.Cut, r.Refused, r.Unreached)
		if r.Transfers == 0 {
			t.Errorf("%d replicas: nothing works, which compares nothing: %s", replicas, r)
		}
		if failed*4 < r.Transfers {
			t.Errorf("%d replicas: a plain Service loses few data connections: %s", replicas, r)
		}
	}
}

// servePlainly makes the Deployment "plain", which runs pods like those of the
// FileServer "files", each with the whole passive range, and a Service of all
// their ports. It returns the Service's address.
func (n *space) servePlainly() string {
	n.t.Helper()
	var slot appsv1.Deployment
	n.object(&slot, "deployment", "files-0")
	pod := slot.Spec.Template
	pod.ObjectMeta = metav1.ObjectMeta{Labels: map[string]string{"app": "plain"}}
	pod.Spec.TopologySpreadConstraints = nil
	service := corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Name: "plain"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Selector: pod.Labels},
	}
	for _, port := range append([]int32{21, 990, 22}, rangeOf(v1alpha1.PassiveFirst, v1alpha1.PassiveLast)...) {
		service.Spec.Ports = append(service.Spec.Ports, corev1.ServicePort{Name: fmt.Sprintf("p%d", port), Port: port})
	}
	n.applyObject(service)
	var address string
	n.eventually("the plain Service has an address", func() error {
		address = n.kubectl("get", "service", "plain", "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}")
		if address == "" {
			return errors.New("none yet")
		}
		return nil
	})

	// The one thing that differs: clients are told this Service's address.
	var settings corev1.ConfigMap
	n.object(&settings, "configmap", "files-config")
	for name, text := range settings.Data {
		config := map[string]any{}
		if err := json.Unmarshal([]byte(text), &config); err != nil {
			n.t.Fatal(err)
		}
		config["passive"].(map[string]any)["advertise"] = []any{map[string]any{"addresses": []string{address}}}
		b, err := json.Marshal(config)
		if err != nil {
			n.t.Fatal(err)
		}
		settings.Data[name] = string(b)
	}
	settings.ObjectMeta = metav1.ObjectMeta{Name: "plain"}
	n.applyObject(settings)
	for i := range pod.Spec.Volumes {
		if m := pod.Spec.Volumes[i].ConfigMap; m != nil {
			m.Name = "plain"
		}
	}
	c := &pod.Spec.Containers[0]
	c.Args = append(c.Args, fmt.Sprintf("--passive-ports=%d-%d", v1alpha1.PassiveFirst, v1alpha1.PassiveLast))
	n.applyObject(appsv1.Deployment{
		TypeMeta:   slot.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{Name: "plain"},
		Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: pod.Labels}, Template: pod},
	})
	return address
}

func rangeOf(first, last int32) []int32 {
	var ports []int32
	for port := first; port <= last; port++ {
		ports = append(ports, port)
	}
	return ports
}

// scale waits until so many pods are ready, and no others are there.
func (n *space) scale(replicas int) {
	n.t.Helper()
	n.kubectl("scale", "fileserver", "files", fmt.Sprintf("--replicas=%d", replicas))
	n.settled(replicas)
}

// settled waits until the FileServer is ready with so many pods, and no pod of
// before is left.
func (n *space) settled(replicas int) {
	n.t.Helper()
	n.eventually(fmt.Sprintf("%d pods are ready, and no others are there", replicas), func() error {
		got := n.kubectl("get", "fileserver", "files", "-o", `jsonpath={.status.readyReplicas} {.status.observedGeneration} {.metadata.generation} {.status.conditions[?(@.type=="Ready")].status}`)
		generation := n.kubectl("get", "fileserver", "files", "-o", "jsonpath={.metadata.generation}")
		if want := fmt.Sprintf("%d %s %s True", replicas, generation, generation); got != want {
			return fmt.Errorf("ready, observed, generation and Ready are %q, want %q", got, want)
		}
		if pods := strings.Fields(n.kubectl("get", "pods", "-l", "fileserver.dev/server=files", "-o", "name")); len(pods) != replicas {
			return fmt.Errorf("there are %v", pods)
		}
		return nil
	})
}
