package controllers_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers"
)

// writes are the requests of an operator that change something.
type writes struct {
	mu   sync.Mutex
	list []string
}

func (w *writes) RoundTrip(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/events") {
			w.mu.Lock()
			w.list = append(w.list, r.Method+" "+r.URL.Path)
			w.mu.Unlock()
		}
		return next.RoundTrip(r)
	})
}

// take returns what was written since the last call.
func (w *writes) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.list
	w.list = nil
	return list
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// operatorFor runs an operator for one namespace, whose writes are counted.
func operatorFor(t *testing.T, ns string) (w *writes, stop func()) {
	t.Helper()
	w = &writes{}
	cfg := rest.CopyConfig(operatorConfig)
	cfg.Wrap(w.RoundTrip)
	stop, err := startOperator(cfg, controllers.Options{Image: serverImage, Pods: pods, Namespaces: []string{ns}})
	if err != nil {
		t.Fatal(err)
	}
	return w, stop
}

// A whole server and a user, of which an operator has seen to all.
func settled(t *testing.T) (c cluster, w *writes, stop func()) {
	t.Helper()
	c = cluster{t, bareNamespace(t)}
	w, stop = operatorFor(t, c.ns)
	fs, alice := fileServer(c.ns, "files"), user(c.ns, "alice", "files")
	create(t, fs, alice)
	c.start("files-0", "")
	c.address("files", "198.51.100.9")
	ready(t, fs, v1alpha1.ReasonReady)
	ready(t, alice, v1alpha1.ReasonLoaded)
	return c, w, stop
}

func TestASteadyServerCostsNoWrite(t *testing.T) {
	t.Parallel()
	c, w, stop := settled(t)
	defer stop()
	alice := user(c.ns, "alice", "files")
	set := func(state v1alpha1.UserState) { update(t, alice, func() { alice.Spec.State = state }) }
	set(v1alpha1.UserSuspended)
	notReady(t, alice, v1alpha1.ReasonSuspended)
	w.take()

	// Things that make the operator look again, and that change nothing.
	for i := range 10 {
		d := &appsv1.Deployment{}
		d.Namespace, d.Name = c.ns, "files-0"
		update(t, d, func() { d.Annotations["somebody"] = fmt.Sprint(i) })
	}
	// A change, by which we see that it has looked.
	set(v1alpha1.UserActive)
	ready(t, alice, v1alpha1.ReasonLoaded)
	got := slices.DeleteFunc(w.take(), func(s string) bool { return strings.Contains(s, "/pods/") })
	prefix := "/api/v1/namespaces/" + c.ns + "/secrets/files-users"
	for _, request := range got {
		if !strings.HasPrefix(request, "PATCH "+prefix) && !strings.HasPrefix(request, "PATCH /apis/fileserver.dev/v1alpha1/namespaces/"+c.ns+"/fileserverusers/alice/status") {
			t.Errorf("the operator wrote %s", request)
		}
	}
	if len(got) == 0 || len(got) > 3 {
		t.Errorf("the change took these writes: %v", got)
	}
}

func TestARestartWritesNothingAndKeepsWhatWasMade(t *testing.T) {
	t.Parallel()
	c, _, stop := settled(t)
	before := secrets(t, c.ns)
	stop()

	w, stop := operatorFor(t, c.ns)
	defer stop()
	u := user(c.ns, "alice", "files")
	update(t, u, func() { u.Spec.State = v1alpha1.UserSuspended })
	notReady(t, u, v1alpha1.ReasonSuspended)
	for _, request := range w.take() {
		if !strings.Contains(request, "files-users") && !strings.Contains(request, "/status") && !strings.Contains(request, "/pods/") {
			t.Errorf("after a restart the operator wrote %s", request)
		}
	}
	for name, data := range secrets(t, c.ns) {
		if name == "files-users" {
			continue
		}
		for key := range data {
			if !bytes.Equal(data[key], before[name][key]) {
				t.Errorf("%s of Secret %s is another one after a restart", key, name)
			}
		}
	}
}

// What was made once must not be made anew because the cache has lost sight of it.
func TestASecretThatLosesItsLabelsKeepsWhatWasMadeOnce(t *testing.T) {
	t.Parallel()
	c, _, stop := settled(t)
	defer stop()
	names := []string{"files-ssh-host-keys", "files-ca", "files-tls", "alice-credentials"}
	before := secrets(t, c.ns)
	for _, name := range names {
		c.unlabel(&corev1.Secret{}, name)
	}
	after := secrets(t, c.ns)
	for _, name := range names {
		for key := range before[name] {
			if !bytes.Equal(before[name][key], after[name][key]) {
				t.Errorf("%s of Secret %s is another one since its labels were gone", key, name)
			}
		}
	}
}

func secrets(t *testing.T, ns string) map[string]map[string][]byte {
	t.Helper()
	var list corev1.SecretList
	if err := api.List(t.Context(), &list, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}
	m := map[string]map[string][]byte{}
	for _, s := range list.Items {
		m[s.Name] = s.Data
	}
	return m
}
