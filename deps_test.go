package fileserver_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/fileserver-dev/fileserver-operator"

// rule is one arrow that must not be drawn: who may not import what, and why.
// An import counts however many packages lie between.
type rule struct {
	// of are the packages that the rule is for; "..." at the end stands for
	// all below.
	of string
	// allow are the only packages of the module that may be imported.
	// Those below of itself always may.
	allow []string
	// forbid are packages outside the module that may not be imported.
	forbid []string
	// unused are packages that the module's own files may not import; what
	// libraries do among themselves is no concern.
	unused []string
	// onlyStandard forbids whatever is not in the standard library.
	onlyStandard bool
	why          string
}

var kubernetes = []string{"k8s.io/...", "sigs.k8s.io/..."}

var rules = []rule{
	{
		of: "api/...", allow: nil,
		why: "others import the API to write their own clients, and should get nothing else with it",
	},
	{
		of: "server/config", onlyStandard: true,
		why: "it is the contract between two programs, and must not tie one to what the other uses",
	},
	{
		of: "server/...", allow: []string{"server/..."}, forbid: kubernetes,
		why: "the file server runs without Kubernetes, stays small, and knows the operator only by the files it writes",
	},
	{
		of: "server/check", allow: []string{"server/config"}, forbid: kubernetes, unused: impure,
		why: "operator and server have one answer to what can be used, and neither gets anything else with it",
	},
	{
		of: "server/conns", onlyStandard: true,
		why: "connections are held alike for all protocols, and by libraries for others as well",
	},
	{
		of: "server/lsformat", onlyStandard: true,
		why: "what a listing looks like depends on no protocol",
	},
	{
		of: "server/ftp", allow: []string{"server/ftp/...", "server/conns", "server/lsformat"}, onlyStandard: true,
		why: "the FTP engine is a library for others as well; the server translates between it and the configuration",
	},
	{
		of: "server/ftp/passive", allow: []string{"server/conns"}, onlyStandard: true,
		why: "ports are shared out whatever the connections are for, so that a test of that needs no FTP",
	},
	{
		of: "server/ftp/internal/move", allow: []string{"server/ftp/internal/move/tlsrecord"}, onlyStandard: true,
		why: "the one place that knows the kernel and the records of TLS knows neither commands nor sessions",
	},
	{
		of: "server/sftp", allow: []string{"server/check", "server/config", "server/conns", "server/lsformat"},
		why: "a protocol that leaned on another, or on who the users are, could not be changed or served alone",
	},
	{
		of: "server/users", allow: []string{"server/check", "server/config", "server/storage"},
		why: "who may do what is the same for all protocols",
	},
	{
		of: "server/audit", allow: []string{"server/config", "server/storage"},
		why: "the trail is the same for all protocols, and tells of users and rules no more than it is told",
	},
	{
		of: "server/events", allow: []string{"server/config", "server/storage"},
		why: "what is told of files is the same for all protocols, and depends on no way to keep them",
	},
	{
		of: "server/storage", allow: nil,
		why: "where files live is the same for all users and protocols",
	},
	{
		of: "controllers/resources", allow: []string{"api/...", "server/config", "server/check"}, unused: impure,
		why: "builders take values and return values, so that a golden shows all they do",
	},
	{
		of: "controllers/rollout", allow: []string{"api/...", "server/config"}, unused: impure,
		why: "the decision which slots run is a pure function, so that a table of cases shows all it does",
	},
	{
		of: "controllers/conditions", allow: []string{"api/..."}, unused: impure,
		why: "what a status says follows from what was found alone, so that a table of sentences shows all it does",
	},
	{
		of: "cmd/kubectl-fileserver/internal/diagnose", onlyStandard: true,
		why: "what is wrong follows from what was promised and seen alone, so that a table of faults shows all it finds",
	},
	{
		of: "cmd/kubectl-fileserver/internal/probe", allow: []string{"cmd/kubectl-fileserver/internal/diagnose"}, forbid: kubernetes,
		why: "a client of the server knows no cluster",
	},
	{
		of: "cmd/kubectl-fileserver/internal/accounts", allow: []string{"api/...", "server/check", "server/config"}, unused: impure,
		why: "what becomes of a dump depends on no cluster",
	},
	{
		of: "cmd/fileserver", allow: []string{"server/..."}, forbid: kubernetes,
		why: "the file server runs without Kubernetes and stays small",
	},
}

// impure are packages with which to reach a cluster, a log or a clock.
var impure = []string{
	"sigs.k8s.io/controller-runtime/...", "k8s.io/client-go/rest/...", "k8s.io/client-go/kubernetes/...",
	"k8s.io/client-go/tools/...", "k8s.io/client-go/dynamic/...", "k8s.io/klog/...", "github.com/go-logr/...",
	"log", "log/...", "k8s.io/utils/clock/...",
}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

func TestImportRules(t *testing.T) {
	// `go test` repeats a result until a file changes at which the test itself
	// has looked. What `go list` looks at does not count.
	for _, r := range rules {
		look(t, strings.TrimSuffix(r.of, "/..."))
	}
	packages, err := list("./...")
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range check(rules, packages) {
		t.Error(broken)
	}
}

func look(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The rules must find what breaks them, or passing them would mean nothing.
func TestImportRulesFindWhatBreaksThem(t *testing.T) {
	ours := func(path string, imports ...string) pkg {
		for i, p := range imports {
			if strings.HasPrefix(p, "./") {
				imports[i] = module + "/" + p[2:]
			}
		}
		return pkg{ImportPath: module + "/" + path, Imports: imports}
	}
	for name, c := range map[string]struct {
		packages []pkg
		want     string // none: nothing is broken
	}{
		"the server with Kubernetes": {
			[]pkg{ours("server/storage", "k8s.io/api/core/v1"), {ImportPath: "k8s.io/api/core/v1"}},
			"server/storage imports k8s.io/api/core/v1",
		},
		"the server with Kubernetes, by way of a library": {
			[]pkg{ours("server/users", "example.com/lib"), {ImportPath: "example.com/lib", Imports: []string{"k8s.io/api/core/v1"}}, {ImportPath: "k8s.io/api/core/v1"}},
			"server/users imports example.com/lib imports k8s.io/api/core/v1",
		},
		"the server with the API": {
			[]pkg{ours("server", "./api/v1alpha1"), ours("api/v1alpha1")},
			"server imports " + module + "/api/v1alpha1",
		},
		"the API with the controllers": {
			[]pkg{ours("api/v1alpha1", "./controllers"), ours("controllers")},
			"api/v1alpha1 imports " + module + "/controllers",
		},
		"the contract with a library": {
			[]pkg{ours("server/config", "example.com/lib"), {ImportPath: "example.com/lib"}},
			"server/config imports example.com/lib",
		},
		"the FTP engine with the contract": {
			[]pkg{ours("server/ftp", "./server/config"), ours("server/config")},
			"server/ftp imports " + module + "/server/config",
		},
		"the FTP engine with a library, by way of its records": {
			[]pkg{ours("server/ftp", "./server/ftp/internal/move"), ours("server/ftp/internal/move", "example.com/lib"), {ImportPath: "example.com/lib"}},
			"server/ftp imports " + module + "/server/ftp/internal/move imports example.com/lib",
		},
		"SFTP with FTP": {
			[]pkg{ours("server/sftp", "./server/ftp"), ours("server/ftp")},
			"server/sftp imports " + module + "/server/ftp",
		},
		"SFTP with the users": {
			[]pkg{ours("server/sftp", "./server/users"), ours("server/users")},
			"server/sftp imports " + module + "/server/users",
		},
		"the pool of ports with FTP": {
			[]pkg{ours("server/ftp/passive", "./server/ftp"), ours("server/ftp")},
			"server/ftp/passive imports " + module + "/server/ftp",
		},
		"what moves data with what holds connections": {
			[]pkg{ours("server/ftp/internal/move", "./server/conns"), ours("server/conns")},
			"server/ftp/internal/move imports " + module + "/server/conns",
		},
		"connections with a library": {
			[]pkg{ours("server/conns", "example.com/lib"), {ImportPath: "example.com/lib"}},
			"server/conns imports example.com/lib",
		},
		"the storage with the users": {
			[]pkg{ours("server/storage", "./server/users"), ours("server/users")},
			"server/storage imports " + module + "/server/users",
		},
		"the users with a protocol": {
			[]pkg{ours("server/users", "./server/ftp"), ours("server/ftp")},
			"server/users imports " + module + "/server/ftp",
		},
		"a builder with a client": {
			[]pkg{ours("controllers/resources", "sigs.k8s.io/controller-runtime/pkg/client"), {ImportPath: "sigs.k8s.io/controller-runtime/pkg/client"}},
			"controllers/resources imports sigs.k8s.io/controller-runtime/pkg/client",
		},
		"a builder with a log": {
			[]pkg{ours("controllers/resources", "log/slog"), {ImportPath: "log/slog", Standard: true}},
			"controllers/resources imports log/slog",
		},
		"the rollout with the controllers": {
			[]pkg{ours("controllers/rollout", "./controllers"), ours("controllers")},
			"controllers/rollout imports " + module + "/controllers",
		},
		"the server's command with the controllers": {
			[]pkg{ours("cmd/fileserver", "./controllers"), ours("controllers")},
			"cmd/fileserver imports " + module + "/controllers",
		},
		"what is allowed": {
			[]pkg{
				ours("server", "./server/ftp", "./server/config", "net"), ours("server/ftp", "net", "./server/ftp/internal/move"),
				ours("server/ftp/internal/move", "net"), ours("server/config"),
				ours("controllers/resources", "./api/v1alpha1", "./server/config", "k8s.io/api/core/v1"), ours("api/v1alpha1", "k8s.io/api/core/v1"),
				{ImportPath: "net", Standard: true}, {ImportPath: "k8s.io/api/core/v1"},
			},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			broken := check(rules, c.packages)
			found := slices.ContainsFunc(broken, func(b string) bool { return strings.HasPrefix(b, c.want+":") })
			if c.want != "" && !found || c.want == "" && len(broken) > 0 {
				t.Errorf("found %q, want %q", broken, c.want)
			}
		})
	}
}

// check returns a sentence for each rule that a package breaks.
func check(rules []rule, packages []pkg) []string {
	byPath := map[string]pkg{}
	for _, p := range packages {
		byPath[p.ImportPath] = p
	}
	var broken []string
	for _, r := range rules {
		for _, p := range packages {
			path, ours := strings.CutPrefix(p.ImportPath, module+"/")
			if !ours || !matches(path, r.of) {
				continue
			}
			if way := r.breach(byPath, p, nil, map[string]bool{}); way != nil {
				broken = append(broken, fmt.Sprintf("%s imports %s: %s", path, strings.Join(way, " imports "), r.why))
			}
		}
	}
	return broken
}

// breach is the way from a package to one that it may not import; nil if there
// is none.
func (r rule) breach(packages map[string]pkg, from pkg, way []string, seen map[string]bool) []string {
	for _, path := range from.Imports {
		if seen[path] {
			continue
		}
		seen[path] = true
		to := packages[path]
		here := append(slices.Clone(way), path)
		if strings.HasPrefix(from.ImportPath, module+"/") && matchesAny(path, r.unused) {
			return here
		}
		if path == "C" || path == "unsafe" || to.Standard {
			continue
		}
		if !r.allows(path) {
			return here
		}
		if found := r.breach(packages, to, here, seen); found != nil {
			return found
		}
	}
	return nil
}

func (r rule) allows(path string) bool {
	own, ours := strings.CutPrefix(path, module+"/")
	switch {
	case ours:
		return matches(own, r.of) || matchesAny(own, r.allow)
	case r.onlyStandard:
		return false
	}
	return !matchesAny(path, r.forbid)
}

func matchesAny(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(path, p) })
}

// matches says whether a path is, or is below, what a pattern names.
func matches(path, pattern string) bool {
	base, all := strings.CutSuffix(pattern, "/...")
	return path == base || all && strings.HasPrefix(path, base+"/")
}

// list reads what packages import, without building them.
func list(patterns ...string) ([]pkg, error) {
	out, err := exec.Command("go", append([]string{"list", "-deps", "-json=ImportPath,Standard,Imports"}, patterns...)...).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return nil, fmt.Errorf("go list: %w\n%s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []pkg
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the answer of go list: %w", err)
		}
		packages = append(packages, p)
	}
}
