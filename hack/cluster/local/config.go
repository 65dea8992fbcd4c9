package local

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/pki"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/plan"
)

// containerdConfig renders a node's containerd.toml.
//   - restrict_oom_score_adj: without CAP_SYS_RESOURCE runc fails with "can't get final child's PID from pipe".
//   - enable_unprivileged_ports is off, unlike containerd's default: a pod that needs low ports has to ask
//     for them, as on any cluster that is set up otherwise.
//   - nri and opt are off or moved because they use folders that all containerds of a machine share.
func containerdConfig(root, socket string, cniBin [2]string, cniConfig string) string {
	return fmt.Sprintf(`version = 4
root = %[1]q
state = "/run/containerd"
imports = []

[plugins.'io.containerd.server.v1.grpc']
  address = %[2]q
[plugins.'io.containerd.server.v1.ttrpc']
  address = "%[2]s.ttrpc"
[plugins.'io.containerd.internal.v1.opt']
  path = "%[1]s/opt"
[plugins.'io.containerd.nri.v1.nri']
  disable = true
[plugins.'io.containerd.metadata.v1.bolt']
  no_sync = true
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = %[3]q
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  enable_unprivileged_ports = false
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = [%[4]q, %[5]q]
    conf_dir = %[6]q
`, root, socket, pauseImage, cniBin[0], cniBin[1], cniConfig)
}

// noDAD is a CNI plugin of our own: see no-dad.sh.
const noDAD = "no-dad"

//go:embed no-dad.sh
var noDADProgram string

// cniConfig renders a node's pod network: a point-to-point link for each pod, so that all traffic is
// routed. (On a bridge, an answer from one pod to another on the same node that came through a Service would
// bypass the address translation.)
func cniConfig(node int) string {
	pods := plan.NodePods(node)
	config := map[string]any{
		"cniVersion": "1.0.0",
		"name":       "pods",
		"plugins": []any{
			map[string]any{"type": noDAD},
			map[string]any{
				"type":   "ptp",
				"ipMasq": false, // see network.EgressRules
				"ipam": map[string]any{
					"type":    "host-local",
					"dataDir": "/run/containerd/ipam", // addresses must not stay taken after a restart of the machine
					"ranges": []any{
						[]any{map[string]any{"subnet": pods.V4.String()}},
						[]any{map[string]any{"subnet": pods.V6.String()}},
					},
					"routes": []any{map[string]any{"dst": "0.0.0.0/0"}, map[string]any{"dst": "::/0"}},
				},
			},
			map[string]any{"type": "portmap", "capabilities": map[string]any{"portMappings": true}},
		},
	}
	out, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		panic(err) // strings and numbers only
	}
	return string(out) + "\n"
}

// kubeletConfig renders a node's kubelet.yaml.
//   - cgroupRoot: two kubelets with one root would delete each other's pods.
//   - oomScoreAdj 0: lowering it takes CAP_SYS_RESOURCE.
//   - resolvConf: pods must not ask the machine's name servers.
//   - evictionHard: both nodes see the whole machine's disk and memory, which others use as well.
func kubeletConfig(p pki.Dir, socket, cgroupRoot string) string {
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: %[1]q}
authorization: {mode: Webhook}
containerRuntimeEndpoint: "unix://%[2]s"
cgroupDriver: cgroupfs
cgroupRoot: %[3]q
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {memory.available: 100Mi, nodefs.available: 1%%, imagefs.available: 1%%}
imageGCHighThresholdPercent: 100
oomScoreAdj: 0
clusterDomain: cluster.local
clusterDNS: [%[4]q]
resolvConf: ""
volumePluginDir: /var/lib/kubelet/volume-plugins
`, p.Cert(pki.CA), socket, cgroupRoot, plan.DNS.V4)
}

// proxyConfig renders a node's kube-proxy.yaml. The limits of connection tracking are the machine's, not
// the namespace's, so they stay as they are.
func proxyConfig(node, kubeconfig string, addresses plan.Addresses) string {
	return fmt.Sprintf(`apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: %[1]q}
hostnameOverride: %[2]q
nodeIPOverride: [%[3]q, %[4]q]
clusterCIDR: %[5]q
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
`, kubeconfig, node, addresses.V4, addresses.V6, plan.Pods)
}
