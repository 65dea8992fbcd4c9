// Package cgroup keeps each part of a cluster in a control group of its own, in version 1 (one tree for each
// controller) and version 2 alike. A group also remembers whose child a process is: what is in a
// cluster's groups was started by that cluster, whatever became of its parents.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const root = "/sys/fs/cgroup"

// Prefix is the group that holds all clusters.
const Prefix = "fileserver-cluster"

// Unified tells whether the machine has cgroup version 2 only.
func Unified() bool {
	var fs unix.Statfs_t
	return unix.Statfs(root, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC
}

// hierarchies lists the trees in which a group has to be made. Beside those of version 1 there may be one
// of version 2: it has no controllers, but runc makes groups there as well.
func hierarchies() ([]string, error) {
	if Unified() {
		return []string{root}, nil
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		dir := filepath.Join(root, e.Name())
		if e.Type()&fs.ModeSymlink != 0 {
			continue // cpu and cpuacct may be links to one folder
		}
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("no cgroup controllers below %s: mount them, or run on the machine instead of in a container", root)
	}
	return dirs, nil
}

// Create makes a group, given as a path such as fileserver-cluster/demo/node0, in every tree.
func Create(group string) error {
	dirs, err := hierarchies()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		path := dir
		for _, step := range strings.Split(group, "/") {
			if Unified() {
				if err := delegate(path); err != nil {
					return err
				}
			}
			parent := path
			path = filepath.Join(path, step)
			if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			if err := inheritCPUSet(parent, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// delegate hands a version 2 group's controllers to its children.
func delegate(path string) error {
	available, err := os.ReadFile(filepath.Join(path, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, controller := range strings.Fields(string(available)) {
		err := os.WriteFile(filepath.Join(path, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
		if err != nil && (controller == "cpu" || controller == "memory" || controller == "pids" || controller == "cpuset") {
			return fmt.Errorf("enabling the %s controller below %s: %w", controller, path, err)
		}
	}
	return nil
}

// inheritCPUSet copies a parent's processors and memory nodes: in version 1 a new group has none, and
// refuses every process until it does.
func inheritCPUSet(parent, path string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(path, name))
		if err != nil || strings.TrimSpace(string(value)) != "" || Unified() {
			continue
		}
		inherited, err := os.ReadFile(filepath.Join(parent, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(path, name), inherited, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Add moves a process into a group.
func Add(group string, pid int) error {
	dirs, err := hierarchies()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		file := filepath.Join(dir, group, "cgroup.procs")
		if err := os.WriteFile(file, []byte(strconv.Itoa(pid)), 0o644); err != nil {
			return fmt.Errorf("moving process %d to control group %s: %w", pid, group, err)
		}
	}
	return nil
}

// Processes lists every process in a group and the groups below it.
func Processes(group string) ([]int, error) {
	dirs, err := hierarchies()
	if err != nil {
		return nil, err
	}
	found := map[int]bool{}
	for _, dir := range dirs {
		err := eachGroup(filepath.Join(dir, group), func(path string) error {
			data, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
			if err != nil && !gone(err) {
				return err
			}
			for _, f := range strings.Fields(string(data)) {
				if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
					found[pid] = true
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	pids := make([]int, 0, len(found))
	for pid := range found {
		pids = append(pids, pid)
	}
	return pids, nil
}

// Remove deletes a group and those below it. They must have no processes left; the kernel may need a
// moment to notice that.
func Remove(group string) error {
	dirs, err := hierarchies()
	if err != nil {
		return err
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		var failed error
		for _, dir := range dirs {
			failed = errors.Join(failed, eachGroup(filepath.Join(dir, group), func(path string) error {
				if err := os.Remove(path); err != nil && !gone(err) {
					return err
				}
				return nil
			}))
		}
		if failed == nil || time.Now().After(deadline) {
			return failed
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// eachGroup calls f for a group's folder and all below it, the deepest first.
func eachGroup(path string, f func(string) error) error {
	entries, err := os.ReadDir(path)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var failed error
	for _, e := range entries {
		if e.IsDir() {
			failed = errors.Join(failed, eachGroup(filepath.Join(path, e.Name()), f))
		}
	}
	return errors.Join(failed, f(path))
}

func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) }
