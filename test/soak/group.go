package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// group is a memory cgroup, of version 1 or 2 as the machine has it.
type group struct {
	path    string
	version int
}

func newGroup(limit int64) (*group, error) {
	const root = "/sys/fs/cgroup"
	name := fmt.Sprintf("fileserver-soak-%d", os.Getpid())
	g := &group{path: filepath.Join(root, "memory", name), version: 1}
	files := []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"}
	var fs unix.Statfs_t
	if unix.Statfs(root, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
		g = &group{path: filepath.Join(root, name), version: 2}
		files = []string{"memory.max"}
		if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+memory"), 0o644); err != nil {
			return nil, fmt.Errorf("enabling the memory controller: %w", err)
		}
	}
	if err := os.Mkdir(g.path, 0o755); err != nil {
		return nil, fmt.Errorf("making a memory cgroup, which needs root: %w", err)
	}
	if err := os.WriteFile(filepath.Join(g.path, files[0]), []byte(strconv.FormatInt(limit, 10)), 0o644); err != nil {
		g.remove()
		return nil, fmt.Errorf("limiting memory: %w", err)
	}
	for _, f := range append(files[1:], "memory.swap.max") { // not there on machines that do not count swap
		value := strconv.FormatInt(limit, 10)
		if f == "memory.swap.max" {
			value = "0"
		}
		_ = os.WriteFile(filepath.Join(g.path, f), []byte(value), 0o644)
	}
	return g, nil
}

// peak is the most memory that the group has had, in bytes, pages of files
// included.
func (g *group) peak() (int64, error) {
	file := map[int]string{1: "memory.max_usage_in_bytes", 2: "memory.peak"}[g.version]
	b, err := os.ReadFile(filepath.Join(g.path, file))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
}

// remove removes the group, from which the kernel may take a moment to remove
// the last process.
func (g *group) remove() {
	for range 100 {
		if err := os.Remove(g.path); err == nil || os.IsNotExist(err) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
