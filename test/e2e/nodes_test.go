//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/test/operator"
)

// evict asks for the eviction of a pod, as those do who drain a node.
func (n *space) evict(p pod) error {
	_, err := kube.KubectlIn(n.t.Context(),
		fmt.Sprintf(`{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"namespace": %q, "name": %q}}`, n.name, p.Name),
		"create", "--raw", fmt.Sprintf("/api/v1/namespaces/%s/pods/%s/eviction", n.name, p.Name), "-f", "-")
	return err
}

// refused says whether an eviction was refused because of the budget.
func refused(err error) bool { return err != nil && strings.Contains(err.Error(), "disruption budget") }

// TestANodeGoesByATaint has a node go as Karpenter and the cluster autoscaler have it,
// who cordon nothing: they taint it, and evict its pods until it is empty.
func TestANodeGoesByATaint(t *testing.T) {
	for who, key := range map[string]string{"karpenter": "karpenter.sh/disrupted", "autoscaler": "ToBeDeletedByClusterAutoscaler"} {
		t.Run(who, func(t *testing.T) {
			n := newSpace(t)
			target := n.serve("{replicas: 2, drain: {timeout: 1m}, " + spread + "}")
			n.settled(2)
			leaving := n.pods()[0]
			if err := n.evict(leaving); !refused(err) {
				t.Errorf("a pod is evicted while no other serves in its place: %v", err)
			}
			l := n.startSessions(target, allKinds)
			served := n.watchServing()
			n.kubectl("taint", "node", leaving.Node, key+"=:NoSchedule")
			defer n.kubectl("taint", "node", leaving.Node, key+"-")
			n.eventually("the node has no pods", func() error {
				for _, p := range n.pods() {
					if p.Node != leaving.Node {
						continue
					}
					if err := n.evict(p); err != nil && !refused(err) && !strings.Contains(err.Error(), "not found") {
						t.Error(err)
					}
					return fmt.Errorf("%s is there", p.Name)
				}
				return nil
			})
			n.settled(2)
			r := l.finish()
			fmt.Printf("lossless drain-by-%s %s\n", who, r)
			if least := served(); !r.lossless() || least < 2 {
				t.Errorf("at some time only %d pods served; %s", least, r)
			}
		})
	}
}

// TestSoManyPodsAreEvictedAsTheBudgetAllows evicts pods of nodes that stay.
func TestSoManyPodsAreEvictedAsTheBudgetAllows(t *testing.T) {
	t.Parallel()
	n := newSpace(t)
	n.serve("{replicas: 2, disruption: {maxUnavailable: 1}, drain: {timeout: 10s, acceptFor: 1s}, " + spread + "}")
	n.settled(2)
	pods := n.pods()
	n.eventually("one pod may go", func() error { return n.evict(pods[0]) })
	if err := n.evict(pods[1]); !refused(err) {
		t.Errorf("a second pod is evicted before the replacement of the first one serves: %v", err)
	}
	n.settled(2)
	n.eventually("the replacement serves, and the other pod may go", func() error { return n.evict(pods[1]) })
	n.settled(2)
}

// TestAVolumeThatBelongsToSomebodyElse serves a folder as file servers export them that
// squash root: nobody but its owner may do anything there, and its group stays.
func TestAVolumeThatBelongsToSomebodyElse(t *testing.T) {
	if !kube.Local() {
		t.Skip("the nodes of this cluster do not share this machine's disk")
	}
	t.Parallel()
	n := newSpace(t)
	dir := tempDir(t)
	const owner = 1000
	if err := os.Chown(dir, owner, owner); err != nil {
		t.Fatal(err)
	}
	n.apply(fmt.Sprintf(`
apiVersion: v1
kind: PersistentVolume
metadata: {name: %[1]s}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteMany]
  storageClassName: ""
  claimRef: {namespace: %[1]s, name: theirs}
  hostPath: {path: %[2]s}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: theirs}
spec: {accessModes: [ReadWriteMany], storageClassName: "", volumeName: %[1]s, resources: {requests: {storage: 1Gi}}}
`, n.name, dir))
	t.Cleanup(func() { kube.Kubectl(context.Background(), "delete", "pv", n.name, "--wait=false") })
	target := n.serve(fmt.Sprintf("{storage: {existingClaim: theirs}, podTemplate: {securityContext: {runAsUser: %d, runAsGroup: %d}}}", owner, owner))
	n.put(target, "kept", "content")
	n.works(target, "kept", "content")
	info, err := os.Stat(filepath.Join(dir, "alice", "kept"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != owner {
		t.Errorf("the file belongs to %d, want %d", uid, owner)
	}
}

// TestARestoredNamespaceServesAsBefore deletes a namespace's objects and makes them
// anew from a copy without owners, on the volume that was there.
func TestARestoredNamespaceServesAsBefore(t *testing.T) {
	n := newSpace(t)
	target := n.serve("{}")
	n.put(target, "kept", "content")
	before := n.made()
	copied := n.backup("secrets", "fileservers", "fileserverusers")

	n.scaleOperator(0)
	defer n.scaleOperator(1)
	n.kubectl("delete", "fileserver,fileserveruser", "--all", "--timeout=2m")
	n.eventually("Kubernetes has collected what they owned", func() error {
		if left := n.kubectl("get", "secrets,deployments,pods", "-l", "fileserver.dev/managed=true", "-o", "name"); left != "" {
			return fmt.Errorf("left: %s", left)
		}
		return nil
	})
	n.apply(copied)
	n.scaleOperator(1)
	n.waitReady("fileserver/files", "fileserveruser/alice", "fileserveruser/bob")
	if n.made() != before {
		t.Error("certificate authority, host keys or password have changed")
	}
	again := n.target(target.KeyFile)
	n.works(again, "kept", "content")
}

// made is what was made once, and that clients know: the Service's address may be another.
func (n *space) made() string {
	n.t.Helper()
	return n.kubectl("get", "secrets", "files-ca", "files-ssh-host-keys", "-o", "jsonpath={.items[*].data}") +
		n.kubectl("get", "secret", "alice-credentials", "-o", "jsonpath={.data.password}")
}

// backup is a copy of all objects of some kinds, as a backup without owners has them.
func (n *space) backup(kinds ...string) string {
	n.t.Helper()
	var list struct {
		APIVersion string           `json:"apiVersion"`
		Kind       string           `json:"kind"`
		Items      []map[string]any `json:"items"`
	}
	out := n.kubectl("get", strings.Join(kinds, ","), "-o", "json")
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		n.t.Fatal(err)
	}
	for _, o := range list.Items {
		delete(o, "status")
		meta := o["metadata"].(map[string]any)
		for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "ownerReferences", "managedFields"} {
			delete(meta, field)
		}
	}
	b, err := json.Marshal(list)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(b)
}

// TestMetricsOfTheOperatorAreForThoseWhoMayReadThem asks for them with and without a
// token that has the right.
func TestMetricsOfTheOperatorAreForThoseWhoMayReadThem(t *testing.T) {
	t.Parallel()
	n := newSpace(t)
	n.kubectl("create", "serviceaccount", "reader")
	token := strings.TrimSpace(n.kubectl("create", "token", "reader"))
	address, err := kube.Kubectl(t.Context(), "-n", operator.Namespace, "get", "service", operator.Release+"-metrics", "-o", "jsonpath={.spec.clusterIP}")
	if err != nil {
		t.Fatal(err)
	}
	status := func(args ...string) string {
		out, err := kube.On(t.Context(), "node0", "curl", append([]string{"-sk", "-o", os.DevNull, "-w", "%{http_code}", "https://" + address + ":8443/metrics"}, args...)...).Output()
		if err != nil {
			return err.Error()
		}
		return string(out)
	}
	if got := status(); got != "401" {
		t.Errorf("without a token: %s", got)
	}
	if got := status("-H", "Authorization: Bearer "+token); got != "403" {
		t.Errorf("with a token without the right: %s", got)
	}
	binding := "metrics-" + n.name
	n.kubectl("create", "clusterrolebinding", binding, "--clusterrole="+operator.Release+"-metrics-reader", "--serviceaccount="+n.name+":reader")
	t.Cleanup(func() { kube.Kubectl(context.Background(), "delete", "clusterrolebinding", binding) })
	// What was answered counts for a minute, so it is another token.
	other := strings.TrimSpace(n.kubectl("create", "token", "reader", "--duration=20m"))
	n.eventually("an account with the right reads them", func() error {
		if got := status("-H", "Authorization: Bearer "+other); got != "200" {
			return fmt.Errorf("got %s", got)
		}
		return nil
	})
}
