package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// call runs the program beside a cluster that has some objects.
func call(t *testing.T, input string, objects []client.Object, args ...string) (code int, out, errOut string) {
	t.Helper()
	streams, in, stdout, stderr := genericiooptions.NewTestIOStreams()
	in.WriteString(input)
	o := newOptions(streams)
	o.connect = func() (client.Client, string, error) {
		return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build(), "files", nil
	}
	code = run(context.Background(), args, o)
	return code, stdout.String(), stderr.String()
}

// object reads a manifest.
func object[T any](t *testing.T, manifest string) *T {
	t.Helper()
	o := new(T)
	if err := yaml.UnmarshalStrict([]byte(manifest), o); err != nil {
		t.Fatal(err)
	}
	return o
}

const hashed = "$6$saltsaltsaltsalt$GkzgkzVbauGAKXpOTbypQEKy/9yJWVjcvXvDw7CxoJjnJ1.w.g1rV8bhCVTpHrRrO/h6b3DAwPN3y5qmHXZ1R1"

func TestImportSaysWhatItFoundByItsExitCode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		input    string
		args     []string
		code     int
		out, err string
	}{
		"all comes along":       {"alice:" + hashed + ":1::::::", []string{"import", "shadow", "-", "--server", "partners"}, exitDone, "kind: FileServerUser", "1 accounts came along"},
		"something does not":    {"alice:*:1::::::", []string{"import", "shadow", "-", "--server", "partners"}, exitFound, "", "left out"},
		"as JSON":               {"alice:" + hashed + ":1::::::", []string{"import", "shadow", "-", "--server", "partners", "-o", "json"}, exitDone, `"kind": "List"`, ""},
		"in a namespace":        {"alice:" + hashed + ":1::::::", []string{"import", "shadow", "-", "--server", "partners", "-n", "files"}, exitDone, "namespace: files", ""},
		"a format there is not": {"", []string{"import", "shadow", "-", "--server", "partners", "-o", "xml"}, exitFailed, "", `the output format "xml" is not known`},
		"no server":             {"", []string{"import", "shadow", "-"}, exitFailed, "", `"server" not set`},
		"no file":               {"", []string{"import", "shadow", "/nonexistent", "--server", "partners"}, exitFailed, "", "no such file"},
		"no dump of SFTPGo":     {"x", []string{"import", "sftpgo", "-", "--server", "partners"}, exitFailed, "", "this is no dump of SFTPGo"},
		"a folder without keys": {"", []string{"import", "hostkeys", t.TempDir(), "--server", "partners"}, exitFailed, "", "has no private key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, errOut := call(t, c.input, nil, c.args...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errOut, c.err) {
				t.Errorf("got %d, want %d\n%s\n%s", code, c.code, out, errOut)
			}
		})
	}
}

// server is a FileServer with an endpoint on which nobody listens.
func deadServer(t *testing.T) *v1alpha1.FileServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := object[v1alpha1.FileServer](t, `
metadata: {name: partners, namespace: files}
spec: {}
status:
  conditions: [{type: Ready, status: "True", reason: Ready, message: ok, lastTransitionTime: "2030-01-01T00:00:00Z"}]
`)
	s.Status.Endpoints = []v1alpha1.Endpoint{{Name: "sftp", Address: "127.0.0.1", Port: int32(l.Addr().(*net.TCPAddr).Port), URL: "sftp://x"}}
	return s
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	objects := []client.Object{deadServer(t)}
	report := filepath.Join(t.TempDir(), "report.md")
	code, out, errOut := call(t, "", objects, "check", "partners", "--report", report)
	if code != exitFound || !strings.Contains(out, "Wrong: Port ") || !strings.Contains(out, "docs/exposure.md") || errOut != "" {
		t.Errorf("got %d\n%s\n%s", code, out, errOut)
	}
	page, err := os.ReadFile(report)
	if err != nil || !strings.Contains(string(page), "**Wrong:** Port ") || !strings.Contains(string(page), "| sftp | 127.0.0.1:") {
		t.Errorf("the report is %s, %v", page, err)
	}
	code, out, _ = call(t, "", objects, "check", "partners", "-o", "json")
	var v verdict
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != exitFound || v.Finding == nil || len(v.Attempts) != 1 {
		t.Errorf("got %d, %v\n%s", code, err, out)
	}
}

func TestCheckSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	server := deadServer(t)
	user := object[v1alpha1.FileServerUser](t, `
metadata: {name: alice, namespace: files}
spec: {serverRef: {name: partners}}
`)
	other := object[v1alpha1.FileServerUser](t, `
metadata: {name: bob, namespace: files}
spec: {serverRef: {name: others}}
`)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no such server":        {[]string{"check", "nobody"}, `"nobody" not found`},
		"no such user":          {[]string{"check", "partners", "--login-as", "nobody"}, `"nobody" not found`},
		"a user of another":     {[]string{"check", "partners", "--login-as", "bob"}, "is a user of the FileServer others"},
		"no password":           {[]string{"check", "partners", "--login-as", "alice"}, "have no password"},
		"a format there is not": {[]string{"check", "partners", "-o", "xml"}, `"xml" is not known`},
		"no server named":       {[]string{"check"}, "accepts 1 arg(s)"},
	} {
		code, _, errOut := call(t, "", []client.Object{server, user, other}, c.args...)
		if code != exitFailed || !strings.Contains(errOut, c.want) {
			t.Errorf("%s: got %d and %s", name, code, errOut)
		}
	}
}

func TestNamesAreCompleted(t *testing.T) {
	t.Parallel()
	user := object[v1alpha1.FileServerUser](t, `
metadata: {name: alice, namespace: files}
spec: {serverRef: {name: partners}}
`)
	objects := []client.Object{deadServer(t), user}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"__complete", "check", ""}, "partners"},
		{[]string{"__complete", "check", "partners", "--login-as", ""}, "alice"},
		{[]string{"__complete", "import", "passwd", "--server", ""}, "partners"},
		{[]string{"__complete", "check", "-o", ""}, "table"},
	} {
		if code, out, errOut := call(t, "", objects, c.args...); code != exitDone || !strings.HasPrefix(out, c.want+"\n") {
			t.Errorf("%q: got %d, %q, %s", c.args, code, out, errOut)
		}
	}
}
