//go:build e2e

// Package e2e tests the whole product on a real cluster of two nodes, with the
// programs that people use, from outside of the cluster.
package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
	"github.com/fileserver-dev/fileserver-operator/test/cluster"
	"github.com/fileserver-dev/fileserver-operator/test/operator"
)

// deadline is for anything that takes a pod to start, or to end.
const deadline = 3 * time.Minute

var kube *cluster.Cluster

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	name := cmp.Or(os.Getenv("E2E_CLUSTER"), "e2e") // several can run side by side
	if kube, err = cluster.Up(ctx, name, 2, os.Stderr); err != nil {
		return 1, err
	}
	if os.Getenv("KEEP_CLUSTER") == "" && kube.Local() {
		defer func() {
			if downErr := cluster.Down(context.Background(), name, os.Stderr); err == nil {
				err = downErr
			}
		}()
	}
	if err := clients.Install(ctx, os.Stderr); err != nil {
		return 1, err
	}
	if _, err := exec.LookPath("conntrack"); err != nil && kube.Local() {
		if err := clients.InstallPackages(ctx, os.Stderr, []string{"conntrack"}); err != nil {
			return 1, err
		}
	}
	if err := operator.Install(ctx, kube); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// kubectl runs kubectl in the test's namespace and fails the test with what it
// says.
func (n *space) kubectl(args ...string) string {
	n.t.Helper()
	out, err := kube.Kubectl(n.t.Context(), append([]string{"-n", n.name}, args...)...)
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

// space is a namespace of a test's own.
type space struct {
	t    *testing.T
	name string
	dir  string
}

func newSpace(t *testing.T) *space {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	if len(name) > 50 {
		name = strings.Trim(name[:50], "-")
	}
	n := &space{t: t, name: name, dir: tempDir(t)}
	if err := operator.MakeNamespace(t.Context(), kube, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			n.dump()
		}
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		kube.Kubectl(ctx, "delete", "namespace", name, "--wait=false")
	})
	return n
}

// tempDir is a folder with a short name: old clients take no long ones.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e") //nolint:usetesting // t.TempDir has the test's name in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// dump logs what helps to see why a test failed.
func (n *space) dump() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, args := range [][]string{
		{"get", "fileservers,fileserverusers,pods,services,pvc", "-o", "wide"},
		{"get", "fileservers", "-o", "jsonpath={.items[*].status}"},
		{"get", "events", "--sort-by=.lastTimestamp"},
		{"logs", "-l", "app.kubernetes.io/managed-by=fileserver-operator", "--tail=25", "--prefix"},
	} {
		out, err := kube.Kubectl(ctx, append([]string{"-n", n.name}, args...)...)
		n.t.Logf("kubectl %s\n%s %v", strings.Join(args, " "), out, err)
	}
	out, _ := kube.Kubectl(ctx, "-n", operator.Namespace, "logs", "deployment/"+operator.Release, "--tail=15")
	n.t.Logf("operator\n%s", out)
	if kube.Local() {
		for _, part := range []string{"router", "node0", "node1"} {
			out, err := kube.On(ctx, part, "conntrack", "-L", "-p", "tcp", "--state", "SYN_SENT").CombinedOutput()
			n.t.Logf("unanswered on %s\n%s %v", part, out, err)
		}
	}
}

// apply applies a manifest.
func (n *space) apply(manifest string) {
	n.t.Helper()
	if err := n.tryApply(manifest); err != nil {
		n.t.Fatal(err)
	}
}

func (n *space) tryApply(manifest string) error {
	_, err := kube.KubectlIn(n.t.Context(), manifest, "-n", n.name, "apply", "-f", "-")
	return err
}

// object reads an object of that kind and name.
func (n *space) object(into any, kind, name string) {
	n.t.Helper()
	if err := json.Unmarshal([]byte(n.kubectl("get", kind, name, "-o", "json")), into); err != nil {
		n.t.Fatal(err)
	}
}

// applyObject applies an object with its kind set.
func (n *space) applyObject(obj any) {
	n.t.Helper()
	b, err := json.Marshal(obj)
	if err != nil {
		n.t.Fatal(err)
	}
	n.apply(string(b))
}

func (n *space) waitReady(objects ...string) {
	n.t.Helper()
	for _, o := range objects {
		if err := operator.WaitReady(n.t.Context(), kube, n.name, o, deadline); err != nil {
			n.t.Fatal(err)
		}
	}
}

// eventually waits until f finds nothing wrong.
func (n *space) eventually(what string, f func() error) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), deadline)
	defer cancel()
	if err := operator.Until(ctx, f); err != nil {
		n.t.Fatalf("%s: %v", what, err)
	}
}

// file writes a file of the test's own.
func (n *space) file(name, content string) string {
	n.t.Helper()
	path := filepath.Join(n.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		n.t.Fatal(err)
	}
	return path
}
