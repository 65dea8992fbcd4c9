package main

import (
	"testing"
	"testing/fstest"
)

func TestTheMemoryLimitOfTheContainerIsFound(t *testing.T) {
	t.Parallel()
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	for name, tc := range map[string]struct {
		root fstest.MapFS
		want int64
	}{
		"nothing is mounted":                       {fstest.MapFS{}, 0},
		"version 2, as in a container":             {fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("536870912\n")}, 512 << 20},
		"version 2, without a limit":               {fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("max\n")}, 0},
		"version 2, on a machine":                  {fstest.MapFS{"proc/self/cgroup": file("0::/a.slice/b.service\n"), "sys/fs/cgroup/a.slice/b.service/memory.max": file("1048576\n"), "sys/fs/cgroup/a.slice/memory.max": file("max\n")}, 1 << 20},
		"version 2, a smaller one above":           {fstest.MapFS{"proc/self/cgroup": file("0::/a/b\n"), "sys/fs/cgroup/a/b/memory.max": file("2097152\n"), "sys/fs/cgroup/a/memory.max": file("1048576\n")}, 1 << 20},
		"version 1, as in a container":             {fstest.MapFS{"proc/self/cgroup": file("7:memory:/kubepods/pod1/x\n4:cpu,cpuacct:/\n"), "sys/fs/cgroup/memory/memory.limit_in_bytes": file("536870912\n")}, 512 << 20},
		"version 1, on a machine":                  {fstest.MapFS{"proc/self/cgroup": file("7:hugetlb,memory:/x\n"), "sys/fs/cgroup/memory/x/memory.limit_in_bytes": file("1048576\n"), "sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n")}, 1 << 20},
		"version 1, without a limit":               {fstest.MapFS{"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n")}, 0},
		"a group whose name leads out of the tree": {fstest.MapFS{"proc/self/cgroup": file("0::/../../x\n"), "sys/fs/cgroup/memory.max": file("1048576")}, 1 << 20},
		"nonsense": {fstest.MapFS{"proc/self/cgroup": file("x\n0::\n"), "sys/fs/cgroup/memory.max": file("-5")}, 0},
	} {
		if got := cgroupLimit(tc.root); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}
