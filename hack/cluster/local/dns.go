package local

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/plan"
)

//go:embed dns.yaml
var dnsTemplate string

// dnsManifests renders the cluster's name service.
func dnsManifests(image string) string {
	hash := fmt.Sprintf("%.6x", sha256.Sum256([]byte(dnsTemplate)))
	return strings.NewReplacer("$HASH", hash, "$IMAGE", image, "$ADDRESS4", plan.DNS.V4.String(), "$ADDRESS6", plan.DNS.V6.String()).Replace(dnsTemplate)
}

// applyDNS applies the manifests unless the cluster has these already. Its state goes with the cluster's
// data, so a note there is enough.
func (c *Cluster) applyDNS(ctx context.Context) error {
	manifests, applied := dnsManifests(c.dnsImage()), c.state("dns.yaml")
	if current, err := os.ReadFile(applied); err == nil && string(current) == manifests {
		return nil
	}
	cmd := exec.CommandContext(ctx, c.kubernetes("kubectl"), "--kubeconfig", c.Kubeconfig(), "apply", "--server-side", "--force-conflicts", "-f", "-")
	cmd.Stdin = strings.NewReader(manifests)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("applying CoreDNS: %w: %s", err, out)
	}
	return writeFile(applied, manifests)
}
