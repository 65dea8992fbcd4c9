//go:build e2e

package e2e

import (
	"cmp"
	"os"
	"os/exec"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/test/operator"
)

// The chart's own test asks for the operator's metrics by their Service, in a pod that may
// do nothing.
func TestTheChartTestsItself(t *testing.T) {
	t.Parallel()
	helm := exec.CommandContext(t.Context(), cmp.Or(os.Getenv("HELM"), "helm"), "test", operator.Release,
		"--kubeconfig", kube.Kubeconfig, "--namespace", operator.Namespace, "--timeout", "2m")
	if out, err := helm.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
