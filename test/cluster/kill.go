package cluster

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Kill kills the processes of a container, given its ID, as the kernel does
// when memory is short. The container is one of a cluster on this machine.
func Kill(container string) error {
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return err
	}
	killed := 0
	for _, group := range groups {
		b, err := os.ReadFile(group)
		if err != nil || container == "" || !bytes.Contains(b, []byte(container)) {
			continue // one that has ended meanwhile, or somebody else's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(group)))
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return fmt.Errorf("killing process %d of container %s: %w", pid, container, err)
		}
		killed++
	}
	if killed == 0 {
		return fmt.Errorf("container %q has no process on this machine", container)
	}
	return nil
}
