package manifests_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	system     = "fileserver-system" // where the operator runs
	account    = "fileserver-operator"
	restricted = "pods"  // a namespace of Pod Security "restricted"
	users      = "users" // where samples go
)

func TestTheOperatorCanBeInstalled(t *testing.T) {
	look(t, "charts", "config")
	namespace(t, system, nil)
	namespace(t, "watched", nil)
	namespace(t, restricted, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
	for name, rendered := range map[string][]*unstructured.Unstructured{
		"by the chart":                          helm(t),
		"by the chart with every value":         helm(t, "--values", "testdata/everything.yaml"),
		"by the chart for some namespaces":      helm(t, "--values", "testdata/namespaces.yaml"),
		"by the chart with Roles alone":         helm(t, rolesAlone...),
		"by the kustomization":                  kustomize(t, "config/default"),
		"by kustomize with Prometheus":          kustomize(t, "config/with-prometheus"),
		"by kustomize with Roles alone":         kustomize(t, "config/namespaced"),
		"by the manifest of a release":          manifest(t),
		"by the chart, definitions from others": helm(t, "--set", "crds.enabled=false"),
	} {
		t.Run(name, func(t *testing.T) {
			if len(rendered) == 0 {
				t.Fatal("nothing is rendered")
			}
			for _, u := range rendered {
				apply(t, u, "")
				switch u.GetKind() {
				case "Deployment":
					startPod(t, u)
				case "Pod":
					u.SetNamespace(restricted)
					apply(t, u, "")
				}
			}
		})
	}
}

func TestSamplesAndDocumentsCanBeApplied(t *testing.T) {
	look(t, "charts", "config", "docs", "README.md")
	namespace(t, users, nil)
	install(t)
	cases := map[string][]*unstructured.Unstructured{"samples": kustomize(t, "config/samples")}
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(documents, filepath.Join(root, "README.md")) {
		for i, block := range blocks(t, path) {
			cases[fmt.Sprintf("%s, manifest %d", filepath.Base(path), i+1)] = objects(t, block)
		}
	}
	for name, rendered := range cases {
		t.Run(name, func(t *testing.T) {
			for _, u := range rendered {
				apply(t, u, users)
			}
		})
	}
}

// What `kubectl fileserver import` says is what the API server takes, whatever was in
// the dump.
func TestImportedAccountsCanBeApplied(t *testing.T) {
	dir := filepath.Join("cmd", "kubectl-fileserver", "internal", "accounts", "testdata")
	look(t, "charts", "config", dir)
	namespace(t, users, nil)
	install(t)
	goldens, err := filepath.Glob(filepath.Join(root, dir, "*.yaml"))
	if err != nil || len(goldens) == 0 {
		t.Fatalf("there is none: %v", err)
	}
	for _, path := range goldens {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range objects(t, string(text)) {
				apply(t, u, users)
			}
		})
	}
}

// With watchNamespaces, the operator has its rights there and nowhere else.
func TestAnOperatorForSomeNamespacesHasNoRightsElsewhere(t *testing.T) {
	look(t, "charts", "config")
	namespace(t, system, nil)
	namespace(t, "watched", nil)
	namespace(t, "other", nil)
	for _, u := range helm(t, "--values", "testdata/namespaces.yaml") {
		apply(t, u, "")
	}
	for _, may := range []struct {
		verb, group, resource, namespace string
		want                             bool
	}{
		{"patch", "", "secrets", "watched", true},
		{"patch", "", "secrets", system, true},
		{"get", "", "secrets", "other", false},
		{"list", "", "secrets", "", false},
		{"list", "fileserver.dev", "fileservers", "watched", true},
		{"list", "fileserver.dev", "fileservers", "other", false},
		{"watch", "", "nodes", "", true},
		{"update", "coordination.k8s.io", "leases", system, true},
		{"update", "coordination.k8s.io", "leases", "watched", false},
	} {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:" + system + ":" + account,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: may.verb, Group: may.group, Resource: may.resource, Namespace: may.namespace,
			},
		}}
		// The API server learns of new roles a little later.
		err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 5*time.Second, true, func(ctx context.Context) (bool, error) {
			review.Status = authorizationv1.SubjectAccessReviewStatus{}
			err := api.Create(ctx, review)
			return review.Status.Allowed == may.want, err
		})
		if err != nil {
			t.Errorf("%+v: %v", may, err)
		}
	}
}

// rolesAlone are the values for those who have no rights in the whole cluster.
var rolesAlone = []string{
	"--values", "testdata/namespaces.yaml", "--set", "crds.enabled=false", "--set", "rbac.nodes=false",
	"--set", "rbac.aggregate=false", "--set", "metrics.secure=false",
}

func TestWithRolesAloneNothingIsInstalledThatBelongsToNoNamespace(t *testing.T) {
	look(t, "charts")
	for _, u := range helm(t, rolesAlone...) {
		mapping, err := api.RESTMapper().RESTMapping(u.GroupVersionKind().GroupKind(), u.GroupVersionKind().Version)
		if err != nil {
			t.Fatal(err)
		}
		if mapping.Scope.Name() == meta.RESTScopeNameRoot {
			t.Errorf("the chart has the %s %s", u.GetKind(), u.GetName())
		}
	}
}

// Helm refuses a release that has an object of another one.
func TestTwoReleasesHaveNothingInCommonButTheDefinitions(t *testing.T) {
	look(t, "charts")
	names := func(list []*unstructured.Unstructured) map[string]bool {
		set := map[string]bool{}
		for _, u := range list {
			set[u.GetKind()+" "+u.GetNamespace()+"/"+u.GetName()] = true
		}
		return set
	}
	first := names(release(t, "fileserver-operator", system))
	for name, second := range map[string][]*unstructured.Unstructured{
		"another name":      release(t, "other", system, "--set", "crds.enabled=false"),
		"another namespace": release(t, "fileserver-operator-2", "elsewhere", "--set", "crds.enabled=false"),
	} {
		for both := range names(second) {
			if first[both] {
				t.Errorf("%s: both releases have %s", name, both)
			}
		}
	}
}

// The chart picks out of the role what belongs to no namespace, by name.
func TestTheChartKnowsWhatBelongsToNoNamespace(t *testing.T) {
	look(t, "charts", "config")
	install(t)
	cluster := map[string]bool{}
	for _, u := range helm(t, "--values", "testdata/namespaces.yaml") {
		if u.GetKind() == "ClusterRole" && u.GetName() == account+"-cluster" {
			for _, rule := range rules(t, u) {
				for _, resource := range rule.Resources {
					cluster[resource] = true
				}
			}
		}
	}
	for _, u := range helm(t) {
		if u.GetKind() != "ClusterRole" || u.GetName() != account {
			continue
		}
		for _, rule := range rules(t, u) {
			for _, resource := range rule.Resources {
				name, _, _ := strings.Cut(resource, "/")
				gvk, err := api.RESTMapper().KindFor(gvr(rule.APIGroups[0], name))
				if meta.IsNoMatchError(err) {
					continue // cert-manager's, which are all in namespaces
				}
				if err != nil {
					t.Fatal(err)
				}
				mapping, err := api.RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
				if err != nil {
					t.Fatal(err)
				}
				if mapping.Scope.Name() == meta.RESTScopeNameRoot && !cluster[resource] {
					t.Errorf("%s belong to no namespace, and an operator with watchNamespaces cannot see them: add them to templates/rbac.yaml", resource)
				}
			}
		}
	}
}

// install applies the definitions of the API.
func install(t *testing.T) {
	t.Helper()
	for _, u := range kustomize(t, "config/crd") {
		apply(t, u, "")
	}
}

// apply applies an object as `kubectl apply --server-side` does: an unknown
// field is an error. Objects without a namespace go into the one given. All but
// definitions, which take their time, is deleted at the end of the test.
func apply(t *testing.T, u *unstructured.Unstructured, namespace string) {
	t.Helper()
	if u.GroupVersionKind().Group == "monitoring.coreos.com" {
		return // its definitions are the Prometheus Operator's
	}
	u = u.DeepCopy()
	if u.GetNamespace() == "" {
		u.SetNamespace(namespace)
	}
	// A kind is known a little after its definition.
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 10*time.Second, true, func(ctx context.Context) (bool, error) {
		err := api.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("manifests"), client.ForceOwnership)
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) && u.GroupVersionKind().Group == "fileserver.dev" {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		t.Errorf("%s %s: %v", u.GetKind(), u.GetName(), err)
		return
	}
	if kind := u.GetKind(); kind != "CustomResourceDefinition" && kind != "Namespace" {
		t.Cleanup(func() {
			if err := api.Delete(context.Background(), u); err != nil {
				t.Errorf("deleting %s %s: %v", kind, u.GetName(), err)
			}
		})
	}
}

// startPod asks whether a Deployment's pod may run under Pod Security
// "restricted".
func startPod(t *testing.T, u *unstructured.Unstructured) {
	t.Helper()
	deployment := &appsv1.Deployment{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, deployment); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: deployment.Spec.Template.ObjectMeta, Spec: deployment.Spec.Template.Spec}
	pod.GenerateName, pod.Namespace = "operator-", restricted
	if err := api.Create(t.Context(), pod, client.DryRunAll); err != nil {
		t.Errorf("Deployment %s: %v", u.GetName(), err)
	}
}

// blocks are the manifests of this API in a document.
func blocks(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for i, part := range strings.Split(string(b), "```") {
		manifest, isYAML := strings.CutPrefix(part, "yaml\n")
		if i%2 == 1 && isYAML && strings.Contains(manifest, "apiVersion: fileserver.dev/") {
			found = append(found, manifest)
		}
	}
	return found
}

// look makes `go test` run a test again when a file changes that only other
// programs read.
func look(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		err := filepath.WalkDir(filepath.Join(root, p), func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
