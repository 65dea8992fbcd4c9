package promise

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

func object[T any](t *testing.T, manifest string) *T {
	t.Helper()
	o := new(T)
	if err := yaml.UnmarshalStrict([]byte(manifest), o); err != nil {
		t.Fatal(err)
	}
	return o
}

// world has a server on node ports with two pods and users, and a pod that goes.
func world(t *testing.T) *fake.ClientBuilder {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	pod := func(name, ports, ready string) *corev1.Pod {
		return object[corev1.Pod](t, fmt.Sprintf(`
metadata: {name: %s, namespace: files, labels: {fileserver.dev/server: partners}, annotations: {fileserver.dev/passive-ports: %q}}
status: {conditions: [{type: Ready, status: %q}]}`, name, ports, ready))
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(
		object[v1alpha1.FileServer](t, `
metadata: {name: partners, namespace: files}
spec: {expose: {type: NodePort}}
status:
  conditions:
  - {type: Ready, status: "True", reason: Ready, message: ok, lastTransitionTime: "2030-01-01T00:00:00Z"}
  - {type: ActiveMode, status: "False", reason: OtherAddress, message: no, lastTransitionTime: "2030-01-01T00:00:00Z"}
  endpoints: [{name: sftp, address: 192.0.2.1, port: 30022, url: x}, {name: ftp, address: 192.0.2.1, port: 30021, url: x}]
  tls: {secretName: x, fingerprint: aa11}
  sshHostKeys: [{type: ssh-ed25519, fingerprint: "SHA256:x"}]
`),
		object[corev1.Service](t, `
metadata: {name: partners, namespace: files}
spec: {ports: [{name: p50000, port: 50000, nodePort: 31000}, {name: p50001, port: 50001, nodePort: 31007}, {name: p50002, port: 50002, nodePort: 31003}]}`),
		pod("b", "50002-50002", "True"), pod("a", "50000-50001", "True"), pod("c", "50003-50003", "False"), pod("d", "", "True"),
		object[v1alpha1.FileServerUser](t, `
metadata: {name: alice, namespace: files}
spec: {serverRef: {name: partners}, username: Alice, access: WriteOnly, protocols: [ftp]}
status: {binding: {name: alice-credentials}, conditions: [{type: Ready, status: "False", reason: Suspended, message: "no", lastTransitionTime: "2030-01-01T00:00:00Z"}]}`),
		object[corev1.Secret](t, `
metadata: {name: alice-credentials, namespace: files}
stringData: {}
data: {password: c2VjcmV0}`),
	)
}

func TestAPromiseIsWhatTheClusterSays(t *testing.T) {
	t.Parallel()
	p, err := Read(context.Background(), world(t).Build(), "files", "partners", "alice")
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ got, want any }{
		"endpoints, FTP first":      {p.Endpoints, "[{ftp 192.0.2.1 30021} {sftp 192.0.2.1 30022}]"},
		"pods and their node ports": {p.Slots, "[{a [31000 31007]} {b [31003]}]"},
		"the user":                  {*p.User, "{Alice false Suspended no [ftp] true}"},
		"the password":              {p.Password, "secret"},
		"trust":                     {[]any{p.Certificate, p.HostKeys, p.Roots == nil}, "[aa11 [{ssh-ed25519 SHA256:x}] true]"},
		"modes":                     {[]bool{p.Ready, p.PlainFTP, p.Active, p.SameAddress}, "[true false true false]"},
	} {
		if got := fmt.Sprint(c.got); got != c.want {
			t.Errorf("%s: got %s, want %v", what, got, c.want)
		}
	}
}

func TestWhoMayNotListPodsLearnsAllElse(t *testing.T) {
	t.Parallel()
	forbid := interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", nil)
	}}
	p, err := Read(context.Background(), world(t).WithInterceptorFuncs(forbid).Build(), "files", "partners", "")
	if err != nil || len(p.Slots) != 0 || len(p.Endpoints) != 2 || p.User != nil {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestAnAnnotationThatIsNoRangeIsNone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"50000-50009": true, "1-1": true, "": false, "5": false, "2-1": false, "0-1": false, "1-65536": false, "a-b": false} {
		if _, _, ok := parseRange(text); ok != want {
			t.Errorf("%q is a range: %t", text, ok)
		}
	}
}
