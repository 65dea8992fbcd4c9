package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// administered is a FileServer with two pods that answer administrators, and what they
// were asked.
type administered struct {
	objects []client.Object
	pod     *httptest.Server
	asked   chan string
	closed  int
}

func newAdministered(t *testing.T) *administered {
	t.Helper()
	a := &administered{asked: make(chan string, 100), objects: []client.Object{deadServer(t)}}
	for _, name := range []string{"b", "a"} {
		a.objects = append(a.objects, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "files", Labels: map[string]string{v1alpha1.LabelServer: "partners"}},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning},
		})
	}
	a.pod = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked <- r.Method + " " + r.URL.String()
		var v any = config.Ended{Count: 1}
		switch r.Method + r.URL.Path {
		case "GET" + config.PathSessions:
			v = []config.Session{{ID: 7, User: "alice", Protocol: "sftp", Remote: netip.MustParseAddr("192.0.2.1"), Since: time.Now().Add(-time.Hour)}}
		case "GET" + config.PathBans:
			v = []config.Banned{{Network: netip.MustParsePrefix("192.0.2.7/32"), Until: time.Now().Add(time.Hour)}}
		}
		_ = json.NewEncoder(w).Encode(v)
	}))
	t.Cleanup(a.pod.Close)
	return a
}

func (a *administered) call(forward func(pod string) error, args ...string) (code int, out, errOut string) {
	streams, _, stdout, stderr := genericiooptions.NewTestIOStreams()
	o := newOptions(streams)
	o.connect = func() (client.Client, string, error) {
		return fake.NewClientBuilder().WithScheme(scheme).WithObjects(a.objects...).Build(), "files", nil
	}
	o.forward = func(_ context.Context, pod *corev1.Pod) (string, func(), error) {
		if err := forward(pod.Name); err != nil {
			return "", nil, err
		}
		return a.pod.Listener.Addr().String(), func() { a.closed++ }, nil
	}
	code = run(context.Background(), args, o)
	return code, stdout.String(), stderr.String()
}

func everywhere(string) error { return nil }

func TestAdministratorsAskEachPod(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		out  string
		asks []string
	}{
		"sessions":         {[]string{"sessions", "partners"}, "SESSION   USER    PROTOCOL   ADDRESS     AGE\na/7       alice   sftp       192.0.2.1   60m\nb/7", []string{"GET /sessions", "GET /sessions"}},
		"sessions as JSON": {[]string{"sessions", "partners", "-o", "json"}, `"pod": "a"`, []string{"GET /sessions", "GET /sessions"}},
		"kick a user":      {[]string{"kick", "partners", "--username", "alice"}, "2 sessions ended\n", []string{"DELETE /sessions?user=alice", "DELETE /sessions?user=alice"}},
		"kick a session":   {[]string{"kick", "partners", "--session", "b/7"}, "1 sessions ended\n", []string{"DELETE /sessions?id=7"}},
		"bans":             {[]string{"bans", "partners"}, "192.0.2.7/32   a     59m\n192.0.2.7/32   b     59m", []string{"GET /bans", "GET /bans"}},
		"unban":            {[]string{"unban", "partners", "192.0.2.7"}, "2 bans lifted\n", []string{"DELETE /bans?network=192.0.2.7%2F32", "DELETE /bans?network=192.0.2.7%2F32"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAdministered(t)
			code, out, errOut := a.call(everywhere, c.args...)
			if code != exitDone || !strings.Contains(out, c.out) || errOut != "" {
				t.Errorf("got %d, %q, %q", code, out, errOut)
			}
			for _, want := range c.asks {
				if got := <-a.asked; got != want {
					t.Errorf("a pod was asked %q, and not %q", got, want)
				}
			}
			if len(a.asked) > 0 || a.closed != len(c.asks) {
				t.Errorf("pods were asked %d times more, and %d ports are closed", len(a.asked), a.closed)
			}
		})
	}
}

func TestAdministratorsAreToldWhyTheyCannotAsk(t *testing.T) {
	t.Parallel()
	refused := func(pod string) error {
		if pod == "a" {
			return errors.New(`pods "a" is forbidden: cannot create resource "pods/portforward"`)
		}
		return nil
	}
	onHost := func(a *administered) {
		a.objects[0].(*v1alpha1.FileServer).Spec.Expose.Type = v1alpha1.ExposeHostNetwork
	}
	for name, c := range map[string]struct {
		args   []string
		put    func(*administered)
		reason string
	}{
		"no right to forward":   {[]string{"sessions", "partners"}, nil, "pod a: pods \"a\" is forbidden"},
		"no such server":        {[]string{"sessions", "nobody"}, nil, "not found"},
		"no pods":               {[]string{"bans", "partners"}, func(a *administered) { a.objects = a.objects[:1] }, "no pod of the FileServer partners runs"},
		"no such pod":           {[]string{"kick", "partners", "--session", "c/7"}, nil, "has no pod c"},
		"no session":            {[]string{"kick", "partners", "--session", "7"}, nil, "is no session such as"},
		"nobody named":          {[]string{"kick", "partners"}, nil, "at least one of the flags"},
		"no network":            {[]string{"unban", "partners", "office"}, nil, "is neither an address nor a network"},
		"on the host network":   {[]string{"sessions", "partners"}, onHost, "on the host network"},
		"a format there is not": {[]string{"sessions", "partners", "-o", "xml"}, nil, "is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAdministered(t)
			if c.put != nil {
				c.put(a)
			}
			forward := everywhere
			if name == "no right to forward" {
				forward = refused
			}
			code, _, errOut := a.call(forward, c.args...)
			if code != exitFailed || !strings.Contains(errOut, c.reason) {
				t.Errorf("got %d and %q", code, errOut)
			}
		})
	}
}

func TestOnlyAPasswordThatTheOperatorMadeIsRotated(t *testing.T) {
	t.Parallel()
	secret := object[corev1.Secret](t, `
metadata: {name: alice-credentials, namespace: files, uid: x}
data: {password: b2xk}`)
	for name, c := range map[string]struct {
		spec, reason string
	}{
		"of a Secret": {`{serverRef: {name: partners}, password: {secretRef: {name: mine}}}`, "is that in the Secret mine"},
		"none":        {`{serverRef: {name: partners}, authorizedKeys: [x]}`, "has no password"},
		"one that was made, by an operator that is away": {`{serverRef: {name: partners}}`, "the operator has made no new credentials yet"},
	} {
		user := object[v1alpha1.FileServerUser](t, `
metadata: {name: alice, namespace: files}
spec: `+c.spec+`
status: {binding: {name: alice-credentials}}`)
		code, _, errOut := call(t, "", []client.Object{user, secret}, "password", "rotate", "alice", "--timeout", "10ms")
		if code != exitFailed || !strings.Contains(errOut, c.reason) {
			t.Errorf("%s: got %d and %q", name, code, errOut)
		}
	}
}
