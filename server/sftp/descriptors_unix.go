//go:build unix

package sftp

import (
	"math"
	"syscall"
)

// maxDescriptors is how many descriptors the process may have.
func maxDescriptors() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 1024
	}
	return int(min(uint64(l.Cur), math.MaxInt32))
}
