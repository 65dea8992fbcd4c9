package main

import (
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// limitMemory has the collector keep the heap below 80 % of what the container
// may use, unless GOMEMLIMIT says something else, and returns how many bytes the
// process may use, or 0 if that is not known. With GOGC alone, the heap grows to
// five times what is in use, whatever the limit, and the kernel then ends the
// process.
func limitMemory() int64 {
	limit := cgroupLimit(os.DirFS("/"))
	if os.Getenv("GOMEMLIMIT") != "" {
		if set := debug.SetMemoryLimit(-1); limit == 0 && set < math.MaxInt64 {
			limit = set
		}
		return limit
	}
	if limit > 0 {
		debug.SetMemoryLimit(limit / 10 * 8)
	}
	return limit
}

// cgroupLimit returns the memory limit of the control group that the process is
// in, or of one above it if that is smaller: 0 if there is none. It knows both
// versions of control groups. In a container, the group is usually mounted as if
// it were the top.
func cgroupLimit(root fs.FS) int64 {
	limit := int64(math.MaxInt64)
	read := func(name string) {
		b, err := fs.ReadFile(root, name)
		if err != nil {
			return
		}
		// "max" (version 2) is no number, and the largest (version 1) no limit.
		n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		if err == nil && n > 0 && n < 1<<60 {
			limit = min(limit, n)
		}
	}
	groups := []string{"0::/", "0:memory:/"}
	if b, err := fs.ReadFile(root, "proc/self/cgroup"); err == nil {
		groups = append(groups, strings.Split(string(b), "\n")...)
	}
	for _, line := range groups {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		var mount, file string
		switch {
		case parts[1] == "":
			mount, file = "sys/fs/cgroup", "memory.max"
		case strings.Contains(","+parts[1]+",", ",memory,"):
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for group := path.Clean("/" + parts[2]); ; group = path.Dir(group) {
			read(path.Join(mount, group, file))
			if group == "/" {
				break
			}
		}
	}
	if limit == math.MaxInt64 {
		return 0
	}
	return limit
}
