package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mountCgroups gives the kernel's accounting of processes a place: a cgroup of
// version 2 accounts for the processor time of all the processes that were ever
// in it, those included that ended and nobody waited for. It needs no controller
// for that.
func (e *environment) mountCgroups() error {
	dir := e.path("cgroups")
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		err = syscall.Mount("none", dir, "cgroup2", 0, "")
	}
	if err == nil {
		e.cgroups = dir
	}
	if err != nil {
		return fmt.Errorf("the kernel's accounting of processes, cgroup2: %w", err)
	}
	return nil
}

func (e *environment) unmountCgroups() error {
	if e.cgroups == "" {
		return nil
	}
	return syscall.Unmount(e.cgroups, syscall.MNT_DETACH)
}

// newCgroup makes one, whose processes are counted.
func (e *environment) newCgroup(name string) (*os.File, error) {
	dir := filepath.Join(e.cgroups, fmt.Sprintf("fileserver-bench-%d-%s", os.Getpid(), name))
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	return os.Open(dir)
}

// cpu is the processor time, of the program's own and of the kernel for it,
// that the processes of the server have taken; what runs on this machine besides
// has no part in it.
func (p *process) cpu() (time.Duration, error) {
	b, err := os.ReadFile(filepath.Join(p.cgroup, "cpu.stat"))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), "usage_usec ")
	text, _, _ := strings.Cut(rest, "\n")
	microseconds, err := strconv.ParseInt(text, 10, 64)
	return time.Duration(microseconds) * time.Microsecond, err
}
