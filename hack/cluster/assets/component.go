package assets

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/modfile"
)

// A Component is a set of programs that are built from one Go module.
type Component struct {
	// Name is what others know the component by.
	Name string
	// Folder is the component's folder below hack/cluster; by default of the same name.
	Folder string
	// Module is the module in its go.mod whose version is the component's version; empty where the
	// component is source of our own.
	Module string
	// Inputs are the files that decide what is built, relative to the folder.
	Inputs []string
	// Programs are built in this order.
	Programs []Program
	// Stamp lists variables that are set to the version's text at link time.
	Stamp func(version string) []string
}

// A Program is one executable of a component.
type Program struct {
	Name    string
	Package string
}

var moduleFiles = []string{"go.mod", "go.sum"}

// kubernetes holds etcd too: both must agree on the client library, and envtest looks for the programs in
// one folder.
var kubernetes = Component{
	Name:   "kubernetes",
	Module: "k8s.io/kubernetes",
	Inputs: moduleFiles,
	Programs: []Program{
		{"etcd", "go.etcd.io/etcd/server/v3"},
		{"kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"},
		{"kubectl", "k8s.io/kubernetes/cmd/kubectl"},
		{"kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"},
		{"kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"},
		{"kubelet", "k8s.io/kubernetes/cmd/kubelet"},
		{"kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"},
	},
	// Without these the API server says v0.0.0-master, and clients that look at the version refuse it.
	Stamp: func(version string) []string {
		parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
		const p = "k8s.io/component-base/version."
		return []string{p + "gitVersion=" + version, p + "gitMajor=" + parts[0], p + "gitMinor=" + parts[1]}
	},
}

var containerd = Component{
	Name:   "containerd",
	Module: "github.com/containerd/containerd/v2",
	Inputs: moduleFiles,
	Programs: []Program{
		{"containerd", "github.com/containerd/containerd/v2/cmd/containerd"},
		{"containerd-shim-runc-v2", "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"},
		{"ctr", "github.com/containerd/containerd/v2/cmd/ctr"},
	},
	Stamp: func(version string) []string {
		return []string{"github.com/containerd/containerd/v2/version.Version=" + version}
	},
}

// coredns has a main of its own; see there.
var coredns = Component{
	Name:     "coredns",
	Module:   "github.com/coredns/coredns",
	Inputs:   append([]string{"main.go"}, moduleFiles...),
	Programs: []Program{{"coredns", "."}},
}

var pause = Component{
	Name:     "pause",
	Inputs:   []string{"main.go"},
	Programs: []Program{{"pause", "."}},
}

// certManager has a main of its own; see there.
var certManager = Component{
	Name:     "certmanager",
	Module:   "github.com/cert-manager/cert-manager",
	Inputs:   append([]string{"main.go"}, moduleFiles...),
	Programs: []Program{{"certmanager", "."}},
}

// acme is an ACME server, and the DNS server that it asks.
var acme = Component{
	Name:   "acme",
	Module: "github.com/letsencrypt/pebble/v2",
	Inputs: append([]string{"main.go"}, moduleFiles...),
	Programs: []Program{
		{"pebble", "github.com/letsencrypt/pebble/v2/cmd/pebble"},
		{"names", "."},
	},
}

// EnvKubernetes is the variable that chooses another version of Kubernetes than the newest: 1.33.
const EnvKubernetes = "KUBERNETES"

func chosenKubernetes() Component {
	c := kubernetes
	if version := os.Getenv(EnvKubernetes); version != "" {
		c.Folder = kubernetes.Name + "-" + version
	}
	return c
}

func (c Component) folder() string { return cmp.Or(c.Folder, c.Name) }

// EnvtestComponents is what a test against an API server and etcd needs.
func EnvtestComponents() []Component {
	c := chosenKubernetes()
	c.Programs = c.Programs[:3]
	return []Component{c}
}

// ClusterComponents is all that a cluster with nodes needs.
func ClusterComponents() []Component {
	return []Component{chosenKubernetes(), containerd, coredns, pause}
}

// CertificateComponents issue certificates in a cluster.
func CertificateComponents() []Component { return []Component{certManager, acme} }

// version reads the component's version from its go.mod.
func (c Component) version(source string) (string, error) {
	if c.Module == "" {
		return "", nil
	}
	name := filepath.Join(source, c.folder(), "go.mod")
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	file, err := modfile.Parse(name, data, nil)
	if err != nil {
		return "", err
	}
	for _, r := range file.Require {
		if r.Mod.Path == c.Module {
			return r.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("%s does not require %s", name, c.Module)
}

// key names the folder in the cache: version and a hash of all that decides the result.
func (c Component) key(source string) (string, error) {
	version, err := c.version(source)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, runtime.GOOS, runtime.GOARCH, c.ldflags(version), buildFlags)
	for _, input := range c.Inputs {
		data, err := os.ReadFile(filepath.Join(source, c.folder(), input))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, input, len(data))
		h.Write(data)
	}
	parts := []string{c.Name}
	if version != "" {
		parts = append(parts, strings.TrimPrefix(version, "v"))
	}
	return strings.Join(append(parts, hex.EncodeToString(h.Sum(nil))[:12]), "-"), nil
}

func (c Component) ldflags(version string) string {
	flags := "-s -w"
	if c.Stamp != nil {
		for _, s := range c.Stamp(version) {
			flags += " -X " + s
		}
	}
	return flags
}
