package local

import (
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/pki"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/plan"
)

func TestKubeletConfigKeepsNodesApart(t *testing.T) {
	var got struct {
		Kind, CgroupRoot, ContainerRuntimeEndpoint, ResolvConf string
		FailCgroupV1                                           *bool
		ClusterDNS                                             []string
	}
	config := kubeletConfig(pki.Dir("/pki"), "/run/x/node1/containerd.sock", "/fileserver-cluster/x/node1")
	if err := yaml.Unmarshal([]byte(config), &got); err != nil {
		t.Fatalf("%v in\n%s", err, config)
	}
	if got.CgroupRoot != "/fileserver-cluster/x/node1" || got.ContainerRuntimeEndpoint != "unix:///run/x/node1/containerd.sock" ||
		got.FailCgroupV1 == nil || *got.FailCgroupV1 || got.ResolvConf != "" || got.ClusterDNS[0] != "198.19.0.10" {
		t.Errorf("%+v", got)
	}
}

func TestProxyConfigNamesNodeAndRanges(t *testing.T) {
	var got struct {
		Mode, HostnameOverride, ClusterCIDR string
		NodeIPOverride                      []string
	}
	config := proxyConfig("node1", "/kubeconfig", plan.NodeAddresses(1))
	if err := yaml.Unmarshal([]byte(config), &got); err != nil {
		t.Fatalf("%v in\n%s", err, config)
	}
	if got.Mode != "nftables" || got.HostnameOverride != "node1" || got.ClusterCIDR != plan.Pods.String() || len(got.NodeIPOverride) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestEachNodeHasPodAddressesOfItsOwn(t *testing.T) {
	var got struct {
		Plugins []struct {
			Type string
			IPAM struct {
				Ranges [][]struct{ Subnet string }
			}
		}
	}
	if err := json.Unmarshal([]byte(cniConfig(1)), &got); err != nil {
		t.Fatal(err)
	}
	ranges := got.Plugins[1].IPAM.Ranges
	if len(ranges) != 2 || ranges[0][0].Subnet != "198.18.129.0/24" || ranges[1][0].Subnet != "2001:db8:19:1::/64" {
		t.Errorf("%+v", ranges)
	}
}

func TestContainerdConfigSharesNoFolder(t *testing.T) {
	config := containerdConfig("/state/node0/containerd", "/run/x/node0/containerd.sock", [2]string{"/usr/lib/cni", "/state/node0/cni-bin"}, "/state/node0/cni-config")
	for _, want := range []string{
		`root = "/state/node0/containerd"`, `path = "/state/node0/containerd/opt"`, `address = "/run/x/node0/containerd.sock"`,
		`bin_dirs = ["/usr/lib/cni", "/state/node0/cni-bin"]`,
		`restrict_oom_score_adj = true`, `enable_unprivileged_ports = false`, `sandbox = "` + pauseImage + `"`,
	} {
		if !strings.Contains(config, want) {
			t.Errorf("missing %s in\n%s", want, config)
		}
	}
}

func TestNameServiceManifestsAreFilledIn(t *testing.T) {
	text := dnsManifests("fileserver.dev/coredns:1")
	if strings.Contains(text, "$") {
		t.Errorf("something is left to fill in:\n%s", text)
	}
	for _, document := range strings.Split(text, "\n---\n") {
		var object struct{ Kind string }
		if err := yaml.Unmarshal([]byte(document), &object); err != nil || object.Kind == "" {
			t.Errorf("%v in\n%s", err, document)
		}
	}
}
