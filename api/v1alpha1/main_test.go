package v1alpha1_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// api speaks to a real API server as kubectl does: unknown fields are refused.
var api client.Client

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		fmt.Fprintln(os.Stderr, "These tests need a real API server: set KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd and kubectl, or run `make test`, which builds them.")
		return 1
	}
	env := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}
	cfg, err := env.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting the API server:", err)
		return 1
	}
	defer func() { _ = env.Stop() }()
	if err := v1alpha1.AddToScheme(clientgoscheme.Scheme); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	c, err := client.New(cfg, client.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a client:", err)
		return 1
	}
	api = client.WithFieldValidation(c, metav1.FieldValidationStrict)
	return m.Run()
}

// namespace makes one for a test.
func namespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{}
	ns.GenerateName = "api-"
	if err := api.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Delete(context.Background(), ns) })
	return ns.Name
}

// object is a manifest as somebody would write it.
func object(t *testing.T, ns, kind, name, manifest string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), &u.Object); err != nil {
		t.Fatalf("the manifest of this test is not YAML: %v", err)
	}
	if u.Object == nil {
		u.Object = map[string]any{}
	}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	u.SetNamespace(ns)
	u.SetName(name)
	return u
}

// A refusal is a manifest that the API server refuses, and what it says.
type refusal [2]string

// refused sees to it that the FileServers are refused.
func refused(t *testing.T, cases map[string]refusal) {
	ns := namespace(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			manifest, want := c[0], c[1]
			err := api.Create(t.Context(), object(t, ns, "FileServer", "refused", manifest))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got: %v\nwant an error with: %s", err, want)
			}
		})
	}
}
