package assets

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checkout makes a folder like hack/cluster with one component of our own.
func checkout(t *testing.T) (source string, component Component) {
	t.Helper()
	source = t.TempDir()
	component = Component{Name: "hello", Inputs: []string{"go.mod", "main.go"}, Programs: []Program{{"hello", "."}}}
	for name, content := range map[string]string{
		"go.mod":  "module example.com/hello\n\ngo 1.26\n",
		"main.go": "package main\n\nfunc main() { print(\"hello\") }\n",
	} {
		path := filepath.Join(source, component.Name, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return source, component
}

func TestTheKeyFollowsTheFilesThatDecideTheResult(t *testing.T) {
	source, component := checkout(t)
	first, err := component.key(source)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := component.key(source); again != first {
		t.Errorf("the same files: %s, then %s", first, again)
	}
	if err := os.WriteFile(filepath.Join(source, component.Name, "main.go"), []byte("package main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if changed, _ := component.key(source); changed == first {
		t.Errorf("other files have the same key %s", changed)
	}
}

func TestEnvtestAndClusterShareTheirPrograms(t *testing.T) {
	source, err := FindSource()
	if err != nil {
		t.Fatal(err)
	}
	some, err := EnvtestComponents()[0].key(source)
	if err != nil {
		t.Fatal(err)
	}
	all, err := ClusterComponents()[0].key(source)
	if err != nil {
		t.Fatal(err)
	}
	if some != all || !strings.HasPrefix(all, "kubernetes-1.") {
		t.Errorf("keys %s and %s", some, all)
	}
}

func TestAnOlderKubernetesIsBuiltFromAModuleOfItsOwn(t *testing.T) {
	t.Setenv(EnvKubernetes, "1.33")
	source, err := FindSource()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []Component{EnvtestComponents()[0], ClusterComponents()[0]} {
		if key, err := c.key(source); err != nil || !strings.HasPrefix(key, "kubernetes-1.33.") || c.Name != kubernetes.Name {
			t.Errorf("the folder of %s is %s (%v)", c.Name, key, err)
		}
	}
}

func TestWhatIssuesCertificatesIsNamedForItsVersion(t *testing.T) {
	source, err := FindSource()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"certmanager-1.", "acme-2."} {
		if key, err := CertificateComponents()[i].key(source); err != nil || !strings.HasPrefix(key, want) {
			t.Errorf("the folder is %s (%v), want one that begins with %s", key, err, want)
		}
	}
}

func TestASecondBuildDoesNothing(t *testing.T) {
	source, component := checkout(t)
	var out bytes.Buffer
	b := Builder{Source: source, Cache: t.TempDir(), Out: &out}
	for _, want := range []string{"[1/1] hello: built", ""} {
		out.Reset()
		dirs, err := b.Build(t.Context(), []Component{component})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dirs["hello"], "hello")); err != nil {
			t.Error(err)
		}
		if !strings.Contains(out.String(), want) || (want == "" && out.Len() > 0) {
			t.Errorf("said %q, want %q", out.String(), want)
		}
	}
}

func TestABuildThatFailsLeavesNothingAndSaysWhy(t *testing.T) {
	source, component := checkout(t)
	if err := os.WriteFile(filepath.Join(source, component.Name, "main.go"), []byte("package main\n\nfunc main() { undefined() }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	b := Builder{Source: source, Cache: cache, Out: new(bytes.Buffer)}
	_, err := b.Build(t.Context(), []Component{component})
	if err == nil || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("error: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(cache, "*", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
