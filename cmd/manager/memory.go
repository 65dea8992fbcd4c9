package main

import (
	"fmt"
	"runtime/debug"
	"strconv"
)

// The variable in which a deployment tells the memory limit of the container, in bytes.
const memoryLimitEnv = "MEMORY_LIMIT"

// limitMemory has the collector of garbage keep the process below nine tenths of the
// container's limit, beyond which the kernel would end it. What GOMEMLIMIT says counts
// more, and "" is no limit.
func limitMemory(limit, goMemLimit string) error {
	if limit == "" || goMemLimit != "" {
		return nil
	}
	bytes, err := strconv.ParseInt(limit, 10, 64)
	if err != nil || bytes <= 0 {
		return fmt.Errorf("%s is %q, want a number of bytes", memoryLimitEnv, limit)
	}
	debug.SetMemoryLimit(bytes / 10 * 9)
	return nil
}
