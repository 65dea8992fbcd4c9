package faults_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// defaultSpec is what the API server makes of an empty one.
var defaultSpec = func() v1alpha1.FileServerSpec {
	b, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "fileserver.dev_fileservers.yaml"))
	if err != nil {
		panic(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(b, &crd); err != nil {
		panic(err)
	}
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &internal, nil); err != nil {
		panic(err)
	}
	schema, err := structuralschema.NewStructural(&internal)
	if err != nil {
		panic(err)
	}
	object := map[string]any{"spec": map[string]any{}}
	defaulting.Default(object, schema)
	b, err = json.Marshal(object["spec"])
	if err != nil {
		panic(err)
	}
	var spec v1alpha1.FileServerSpec
	if err := json.Unmarshal(b, &spec); err != nil {
		panic(err)
	}
	return spec
}()

// passes is how many looks anything may take.
const passes = 30

// converge has the operator look until all is as it should be. After a look in
// which a request failed, it checks what the status says.
func (w *world) converge(reasons map[string]string) {
	w.t.Helper()
	fired := len(w.faults.fired)
	var err error
	for range passes {
		failed := w.reconcile()
		now := len(w.faults.fired)
		if now > fired {
			w.explained(failed, w.faults.fired[fired:now])
		}
		fired = now
		if err = w.settled(reasons); err == nil {
			return
		}
	}
	w.t.Fatalf("after %d looks: %v", passes, err)
}

// explained checks that the status says of requests that they failed, unless it
// was the status that could not be written: then the work queue gets the error.
func (w *world) explained(err error, fired []call) {
	w.t.Helper()
	said := w.said()
	for _, c := range fired {
		if strings.HasPrefix(c.verb, "patch status") || c.verb == "get" && c.kind == "FileServer" {
			if err == nil || !strings.Contains(err.Error(), injected) {
				w.t.Errorf("after %v failed, the work queue is told %v", c, err)
			}
			continue
		}
		if err != nil {
			w.t.Errorf("after %v failed, the work queue is told %v, and backs off as it likes", c, err)
		}
		says := injected
		if c.verb == "apply" && c.kind == "Secret" {
			says = "applying Secret " + c.name + ": the API server refuses it: InternalError" // and nothing that may be from the Secret
		}
		found := false
		for _, conditions := range said {
			found = found || slices.ContainsFunc(conditions, func(c metav1.Condition) bool {
				return strings.Contains(c.Message, says) && c.Reason == v1alpha1.ReasonRetrying
			})
		}
		if !found {
			b, _ := json.MarshalIndent(said, "", " ")
			w.t.Errorf("after %v failed, no condition says so:\n%s", c, b)
		}
	}
}

// stages are what a server goes through, and which reasons there are in the end.
var stages = []struct {
	name    string
	change  func(w *world)
	reasons map[string]string
}{
	{"creation", func(*world) {}, map[string]string{"files": v1alpha1.ReasonReady}},
	{"suspension", func(w *world) { w.suspend("bob") }, map[string]string{"files": v1alpha1.ReasonReady, "bob": v1alpha1.ReasonSuspended}},
	{"SFTP alone", func(w *world) {
		w.change(func(spec *v1alpha1.FileServerSpec) {
			spec.Protocols = &v1alpha1.Protocols{SFTP: &v1alpha1.SFTP{Port: 22}}
			spec.NetworkPolicy = v1alpha1.NetworkPolicyNone
		})
	}, map[string]string{"files": v1alpha1.ReasonReady, "bob": v1alpha1.ReasonSuspended}},
}

func (w *world) suspend(name string) {
	u := &v1alpha1.FileServerUser{}
	w.get(u, name)
	u.Spec.State = v1alpha1.UserSuspended
	u.Generation++
	w.must(w.client.Update(w.t.Context(), u))
}

func (w *world) change(change func(*v1alpha1.FileServerSpec)) {
	fs := &v1alpha1.FileServer{}
	w.get(fs, "files")
	change(&fs.Spec)
	fs.Generation++
	w.must(w.client.Update(w.t.Context(), fs))
}

// TestWhateverRequestFailsTheStatusSaysSoAndTheNextTryHeals has the n-th request
// of each verb fail, for every n.
func TestWhateverRequestFailsTheStatusSaysSoAndTheNextTryHeals(t *testing.T) {
	t.Parallel()
	verbs := map[string]bool{}
	world := newWorld(t)
	for _, stage := range stages {
		before := world.objects()
		world = worldOf(t, before...)
		stage.change(world)
		world.converge(stage.reasons)
		for verb, n := range world.faults.count {
			verbs[verb] = true
			t.Logf("%s: %d requests to %s", stage.name, n, verb)
			for nth := 1; nth <= n; nth++ {
				t.Run(strings.ReplaceAll(fmt.Sprintf("%s/%s %d", stage.name, verb, nth), " ", "-"), func(t *testing.T) {
					t.Parallel()
					w := worldOf(t, before...)
					w.faults.fails = func(n int, c call) bool { return n == nth && c.verb == verb }
					stage.change(w)
					w.converge(stage.reasons)
					if len(w.faults.fired) != 1 {
						t.Errorf("%d requests failed, want one", len(w.faults.fired))
					}
				})
			}
		}
	}
	if len(verbs) < 5 {
		t.Errorf("the operator uses the verbs %v; want get, list, apply, delete and patch status", verbs)
	}
}

// TestASuspensionIsInForceWhateverElseFails has one request after the other fail
// for good while a user is suspended and everything else changes as well.
func TestASuspensionIsInForceWhateverElseFails(t *testing.T) {
	t.Parallel()
	turnEverything := func(w *world) {
		w.suspend("bob")
		w.change(func(spec *v1alpha1.FileServerSpec) {
			spec.TLS.DNSNames = []string{"ftp.example.com"}
			spec.Expose.Annotations = map[string]string{"a": "b"}
			spec.Sessions.Max = 7
			spec.PodTemplate.Labels = map[string]string{"a": "b"}
			spec.NetworkPolicy = v1alpha1.NetworkPolicyNone
		})
	}
	ready := map[string]string{"files": v1alpha1.ReasonReady}
	first := newWorld(t)
	first.converge(ready)
	before := first.objects()
	whole := worldOf(t, before...)
	turnEverything(whole)
	whole.converge(map[string]string{"files": v1alpha1.ReasonReady, "bob": v1alpha1.ReasonSuspended})
	calls := slices.Clone(whole.faults.calls)
	slices.SortFunc(calls, func(a, b call) int { return strings.Compare(a.String(), b.String()) })
	for _, failing := range slices.Compact(calls) {
		switch failing.kind + " " + failing.name {
		case "FileServer files", "FileServerUserList ", "SecretList ", "Secret files-users":
			if failing.verb != "patch status" {
				continue // without these nobody knows what is wanted
			}
		}
		t.Run(strings.ReplaceAll(failing.String(), " ", "-"), func(t *testing.T) {
			t.Parallel()
			w := worldOf(t, before...)
			w.faults.fails = func(_ int, c call) bool { return c == failing }
			turnEverything(w)
			err := w.reconcile()
			if a := w.account("bob"); a == nil || !a.Suspended || a.PasswordHash == "" {
				t.Errorf("after one look the account of bob is %+v", a)
			}
			for _, name := range []string{"alice", "carol"} {
				if a := w.account(name); a == nil || a.PasswordHash == "" && len(a.AuthorizedKeys) == 0 {
					t.Errorf("after one look the account of %s is %+v", name, a)
				}
			}
			if len(w.faults.fired) == 0 {
				_ = w.reconcile() // it comes later
			} else {
				w.explained(err, w.faults.fired)
			}
		})
	}
}
