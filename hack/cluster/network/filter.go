package network

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/plan"
)

// ApplyFilter loads a ruleset for nft into a namespace, in one transaction.
func ApplyFilter(ctx context.Context, namespace, ruleset string) error {
	cmd := exec.CommandContext(ctx, "nsenter", "--net="+Path(namespace), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(ruleset)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("loading packet filter rules in %s: %w: %s", namespace, err, bytes.TrimSpace(out))
	}
	return nil
}

// EgressRules give what pods send out of the cluster their node's address. `masquerade` keeps the source
// port where it is free: active FTP from port 20 stays on port 20. (The CNI plugins' own masquerading
// is left off, since one rule for each pod would do the same.)
func EgressRules(node int) string {
	pods := plan.NodePods(node)
	return fmt.Sprintf(`add table inet cluster-egress
delete table inet cluster-egress
table inet cluster-egress {
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr %s ip daddr != %s masquerade
		ip6 saddr %s ip6 daddr != %s masquerade
	}
}
`, pods.V4, plan.Pods.V4, pods.V6, plan.Pods.V6)
}
