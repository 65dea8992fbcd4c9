package controllers_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// permission is what a role allows, and what a call needs.
type permission struct{ group, resource, verb string }

func (p permission) String() string { return p.verb + " " + p.resource + "." + p.group }

func missing(from, in []permission) (list []permission) {
	for _, p := range in {
		if !slices.Contains(from, p) && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// roles reads the rights of the operator's ClusterRole, and of its Role in its own
// namespace.
func roles(t *testing.T) (everywhere, own []permission) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "config", "rbac", "role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range bytes.Split(b, []byte("\n---\n")) {
		role := &rbacv1.ClusterRole{}
		if err := yaml.Unmarshal(document, role); err != nil {
			t.Fatal(err)
		}
		to := &everywhere
		if role.Kind == "Role" {
			to = &own
		}
		for _, rule := range role.Rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						*to = append(*to, permission{group, resource, verb})
					}
				}
			}
		}
	}
	return everywhere, own
}

// documented reads the tables of docs/permissions.md: for all namespaces, and for
// the operator's own.
func documented(t *testing.T) (tables [][]permission) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "docs", "permissions.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.Contains(line, "---") {
			continue
		}
		group, resource, verbs := strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])
		if group == "group" {
			tables = append(tables, nil)
			continue
		}
		if group == "core" {
			group = ""
		}
		for verb := range strings.SplitSeq(verbs, ", ") {
			last := &tables[len(tables)-1]
			*last = append(*last, permission{group, resource, verb})
		}
	}
	return tables
}

func TestEachRightOfTheOperatorsIsExplained(t *testing.T) {
	t.Parallel()
	everywhere, own := roles(t)
	tables := documented(t)
	if len(tables) != 2 {
		t.Fatalf("docs/permissions.md has %d tables of rights, want 2", len(tables))
	}
	for i, role := range [][]permission{everywhere, own} {
		for _, p := range missing(tables[i], role) {
			t.Errorf("docs/permissions.md does not explain: %s", p)
		}
		for _, p := range missing(role, tables[i]) {
			t.Errorf("docs/permissions.md explains a right that the operator has not: %s", p)
		}
	}
}

// calls records what a client asks of the API server.
type calls struct {
	mu   sync.Mutex
	made []permission
}

func (c *calls) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err == nil {
			c.add(r, resp.StatusCode)
		}
		return resp, err
	})
}

// add records the right that a request needs, as the API server finds it out.
func (c *calls) add(r *http.Request, status int) {
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	p := permission{}
	switch {
	case len(path) > 2 && path[0] == "api":
		path = path[2:]
	case len(path) > 3 && path[0] == "apis":
		p.group, path = path[1], path[3:]
	default:
		return // discovery, which everybody may do
	}
	if len(path) > 2 && path[0] == "namespaces" {
		path = path[2:]
	}
	p.resource = path[0]
	if len(path) > 2 {
		p.resource += "/" + path[2]
	}
	named := len(path) > 1
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("watch") != "":
		p.verb = "watch"
	case r.Method == http.MethodGet && named:
		p.verb = "get"
	case r.Method == http.MethodGet:
		p.verb = "list"
	case r.Method == http.MethodDelete && !named:
		p.verb = "deletecollection"
	default:
		p.verb = map[string]string{
			http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete",
		}[r.Method]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = append(c.made, p)
	if r.URL.Query().Get("sendInitialEvents") == "true" { // an API server that cannot do that is asked for a list
		p.verb = "list"
		c.made = append(c.made, p)
	}
	if p.verb == "patch" && status == http.StatusCreated { // an apply that creates needs both
		p.verb = "create"
		c.made = append(c.made, p)
	}
}

func (c *calls) lacks(wanted []permission) []permission {
	c.mu.Lock()
	defer c.mu.Unlock()
	return missing(c.made, wanted)
}

func (c *calls) all() []permission {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.made)
}

// byAdmission are rights that no call needs by itself.
func byAdmission(p permission) bool { return strings.HasSuffix(p.resource, "/finalizers") }

func TestTheOperatorHasTheRightsThatItNeedsAndNoOthers(t *testing.T) {
	t.Parallel()
	everywhere, _ := roles(t)
	everywhere = slices.DeleteFunc(everywhere, byAdmission)
	recorded := &calls{}
	cfg := rest.CopyConfig(operatorConfig)
	cfg.Wrap(recorded.wrap)
	c := cluster{t, bareNamespace(t)}
	stop, err := startOperator(cfg, controllers.Options{Image: serverImage, Pods: pods, Namespaces: []string{c.ns}})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	c.doEverything()
	eventually(t, func() error {
		if lacks := recorded.lacks(everywhere); len(lacks) > 0 {
			return fmt.Errorf("no call needs: %v", lacks)
		}
		return nil
	})
	for _, p := range missing(everywhere, recorded.all()) {
		t.Errorf("a call needs what the operator's role lacks: %s", p)
	}
}

// unlabel takes the labels from an object, and waits until the operator has put them
// back.
func (c cluster) unlabel(o client.Object, name string) {
	c.t.Helper()
	get(c.t, c.ns, name, o)
	update(c.t, o, func() { o.SetLabels(nil) })
	eventually(c.t, func() error {
		if err := api.Get(c.t.Context(), keyOf(o), o); err != nil {
			return err
		}
		if o.GetLabels()[v1alpha1.LabelManaged] == "" {
			return fmt.Errorf("%T %s has lost its labels", o, name)
		}
		return nil
	})
}

// doEverything has the operator make each of its calls.
func (c cluster) doEverything() {
	c.t.Helper()
	t := c.t
	create(t,
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: "password"}, StringData: map[string]string{"password": "secret-1234"}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: "keys"}, Data: map[string]string{"keys": ""}})
	fs, alice := fileServer(c.ns, "files"), user(c.ns, "alice", "files")
	alice.Spec.Password = &v1alpha1.Password{SecretRef: &v1alpha1.PasswordReference{Name: "password", Key: "password"}}
	alice.Spec.AuthorizedKeysFrom = []v1alpha1.KeySource{{Kind: v1alpha1.KeysInConfigMap, Name: "keys", Key: "keys"}}
	manyNodes(&fs.Spec)
	theirs := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: "theirs"}}
	theirs.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	theirs.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	other := fileServer(c.ns, "other")
	other.Spec.Storage.ExistingClaim = theirs.Name
	create(t, fs, alice, theirs, other)
	newNode(t, "permissions", "198.18.0.95")
	pod := c.start("files-0", "permissions")
	c.address("files", "198.51.100.95")
	ready(t, alice, v1alpha1.ReasonLoaded)

	// Of what loses its labels, the operator asks the API server itself.
	c.unlabel(&corev1.Service{}, "files")
	c.unlabel(&appsv1.Deployment{}, "other-0") // which has no pods yet: a new one would start elsewhere
	c.unlabel(&networkingv1.NetworkPolicy{}, "files")
	c.unlabel(&policyv1.PodDisruptionBudget{}, "files")

	// The pod has an older configuration, and its mounts are refreshed.
	pods.answer(pod, func() (config.Loaded, error) { return config.Loaded{Config: "older"}, nil })
	update(t, alice, func() { alice.Spec.State = v1alpha1.UserSuspended })
	eventually(t, func() error {
		if err := api.Get(t.Context(), keyOf(pod), pod); err != nil {
			return err
		}
		if pod.Annotations[v1alpha1.AnnotationRefresh] == "" {
			return fmt.Errorf("the pod's mounts are not refreshed")
		}
		return nil
	})
	c.serve(pod)

	// Two conditions say the same of one user, which is one event that is counted.
	bob := user(c.ns, "bob", "files")
	bob.Spec.Username = "alice"
	create(t, bob)
	isStalled(t, bob, v1alpha1.ReasonUsernameTaken)
	ready(t, fs, v1alpha1.ReasonReady)

	m := newCertManager(t, c.ns)
	update(t, fs, func() {
		fs.Spec.TLS.IssuerRef = &v1alpha1.IssuerReference{Name: "ours", Kind: "Issuer", Group: "cert-manager.io"}
		fs.Spec.TLS.DNSNames = []string{"ftp.example.com"}
	})
	c.unlabel(m.certificate(), m.certificate().GetName())
	request := m.made(resources.CertificateRequestKind, m.certificate(), nil, nil)
	order := m.made(resources.OrderKind, request, nil, nil)
	m.made(resources.ChallengeKind, order, map[string]any{"dnsName": "ftp.example.com"}, map[string]any{"reason": "no such host"})
	reconciling(t, fs, v1alpha1.ReasonCertificatePending, "no such host")
	m.serves(m.issue())
	ready(t, fs, v1alpha1.ReasonReady)
	update(t, fs, func() { fs.Spec.TLS = v1alpha1.TLS{} })
	m.gone()

	update(t, fs, func() {
		fs.Spec.Disruption.Budget, fs.Spec.NetworkPolicy = v1alpha1.BudgetNone, v1alpha1.NetworkPolicyNone
		fs.Spec.Expose.Type = v1alpha1.ExposeHostNetwork
	})
}
