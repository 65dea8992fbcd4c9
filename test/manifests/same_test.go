package manifests_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Whoever installs by kustomize gets what the chart makes of the same wishes.
func TestTheChartAndKustomizeMakeTheSameObjects(t *testing.T) {
	look(t, "charts", "config")
	for dir, chart := range map[string][]*unstructured.Unstructured{
		"config/default": helm(t),
		"config/with-prometheus": helm(t, "--set", "metrics.serviceMonitor.enabled=true,metrics.podMonitor.enabled=true,"+
			"metrics.rules.enabled=true,metrics.dashboard.enabled=true"),
		"config/namespaced": helm(t, "--set", "watchNamespaces={"+system+"},crds.enabled=false,rbac.nodes=false,rbac.aggregate=false,metrics.secure=false"),
	} {
		t.Run(dir, func(t *testing.T) {
			want, got := essence(t, chart), essence(t, kustomize(t, dir))
			for _, name := range slices.Sorted(maps.Keys(want)) {
				if !reflect.DeepEqual(want[name], got[name]) {
					t.Errorf("%s: the chart has\n%s\nkustomize has\n%s", name, text(t, want[name]), text(t, got[name]))
				}
			}
			for _, name := range slices.Sorted(maps.Keys(got)) {
				if want[name] == nil {
					t.Errorf("the chart has no %s", name)
				}
			}
		})
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// essence is what both have to agree on, by kind and name: not who has made it, which images
// there are, and not which of several roles has a right.
func essence(t *testing.T, list []*unstructured.Unstructured) map[string]any {
	t.Helper()
	all, rights := map[string]any{}, map[string]bool{}
	for _, u := range list {
		switch kind := u.GetKind(); {
		case kind == "Namespace" || strings.HasSuffix(kind, "Binding") || u.GetAnnotations()["helm.sh/hook"] != "":
			// Helm makes the namespace itself; bindings are tried by what they allow.
		case strings.HasSuffix(kind, "Role"):
			for _, r := range rules(t, u) {
				for _, resource := range append(r.Resources, r.NonResourceURLs...) {
					if kind == "Role" && resource == "nodes" {
						continue // which a Role cannot allow
					}
					for _, verb := range r.Verbs {
						rights[strings.Join(append([]string{kind, verb, resource}, r.APIGroups...), " ")] = true
					}
				}
			}
		default:
			o := u.DeepCopy().Object
			forget(o)
			all[kind+" "+u.GetName()] = o
		}
	}
	all["rights"] = slices.Sorted(maps.Keys(rights))
	return all
}

// forget removes what says who has made an object, and for which release.
func forget(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			forget(value)
			inner, isMap := value.(map[string]any)
			if strings.HasPrefix(key, "app.kubernetes.io/") || strings.HasPrefix(key, "helm.sh/") || key == "image" || isMap && len(inner) == 0 {
				delete(v, key)
			}
			if list, ok := value.([]any); ok && key == "args" {
				v[key] = slices.DeleteFunc(list, func(arg any) bool { return strings.HasPrefix(arg.(string), "--server-image=") })
			}
		}
	case []any:
		for _, value := range v {
			forget(value)
		}
	}
}
