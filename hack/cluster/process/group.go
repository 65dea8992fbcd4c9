package process

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/cgroup"
)

// KillGroup ends every process in a control group and waits until they are gone. The group holds nothing
// but what the cluster started and the children of that: shims and containers too.
func KillGroup(ctx context.Context, group string) error {
	var left []int
	gone := until(ctx, 20*time.Second, func() bool {
		pids, err := cgroup.Processes(group)
		if err != nil {
			return false
		}
		left = pids
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL) //nolint:errcheck // it may just have ended
		}
		return len(pids) == 0
	})
	if !gone {
		return fmt.Errorf("processes %v of control group %s do not end", left, group)
	}
	return nil
}
