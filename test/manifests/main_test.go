// Package manifests_test applies what the repository has users apply, to a real
// API server: the chart, the kustomizations, the samples, the documents.
package manifests_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const root = "../.."

// api speaks to a real API server. No controller runs beside it.
var api client.Client

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "These tests need a real API server: set KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd and kubectl, or run `make test`, which builds them.")
		return 1
	}
	env := &envtest.Environment{}
	cfg, err := env.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting the API server:", err)
		return 1
	}
	defer func() { _ = env.Stop() }()
	cfg.QPS, cfg.Burst = 200, 400
	if api, err = client.New(cfg, client.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, "making a client:", err)
		return 1
	}
	return m.Run()
}

// helm renders the chart as it would be installed into fileserver-system.
func helm(t *testing.T, args ...string) []*unstructured.Unstructured {
	t.Helper()
	return release(t, "fileserver-operator", system, args...)
}

// release renders the chart as it would be installed under some name.
func release(t *testing.T, name, namespace string, args ...string) []*unstructured.Unstructured {
	t.Helper()
	program := os.Getenv("HELM")
	if program == "" {
		program = strings.TrimSpace(command(t, "go", "run", "-C", filepath.Join(root, "hack", "tools"), ".", "helm"))
	}
	chart := filepath.Join(root, "charts", "fileserver-operator")
	return objects(t, command(t, program, append([]string{"template", name, chart, "--namespace", namespace}, args...)...))
}

func kustomize(t *testing.T, dir string) []*unstructured.Unstructured {
	t.Helper()
	return objects(t, command(t, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), "kustomize", filepath.Join(root, dir)))
}

// manifest is the one file of a release.
func manifest(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	path := filepath.Join(t.TempDir(), "install.yaml")
	command(t, "env", "-u", "MANAGER_IMAGE", "-u", "SERVER_IMAGE", "make", "--no-print-directory", "--directory", root, "install-manifest", "INSTALL_MANIFEST="+path, "VERSION=v1.2.3",
		"KUBECTL="+filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "image: fileserver.dev/manager:v1.2.3\n") {
		t.Errorf("the manifest of v1.2.3 has another image")
	}
	return objects(t, string(text))
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// objects are those of a stream of YAML. A key that occurs twice is an error.
func objects(t *testing.T, stream string) []*unstructured.Unstructured {
	t.Helper()
	var all []*unstructured.Unstructured
	documents := yaml.NewDocumentDecoder(io.NopCloser(strings.NewReader(stream)))
	buffer := make([]byte, len(stream)+1)
	for {
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		u := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(buffer[:n], &u.Object); err != nil {
			t.Fatalf("%v\n%s", err, buffer[:n])
		}
		if len(u.Object) > 0 {
			all = append(all, u)
		}
	}
}

// namespace makes one, unless it is there.
func namespace(t *testing.T, name string, labels map[string]string) {
	t.Helper()
	ns := &corev1.Namespace{}
	ns.Name, ns.Labels = name, labels
	if err := client.IgnoreAlreadyExists(api.Create(t.Context(), ns)); err != nil {
		t.Fatal(err)
	}
}

func rules(t *testing.T, u *unstructured.Unstructured) []rbacv1.PolicyRule {
	t.Helper()
	role := &rbacv1.ClusterRole{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, role); err != nil {
		t.Fatal(err)
	}
	return role.Rules
}

func gvr(group, resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Resource: resource}
}
