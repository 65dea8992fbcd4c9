package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is the processor time of who takes part.
type usage struct {
	operator, api, etcd time.Duration
	peak                int64 // memory of the operator, in bytes
}

func (u usage) since(before usage) usage {
	u.operator -= before.operator
	u.api -= before.api
	u.etcd -= before.etcd
	return u
}

func (b *bench) usage() (u usage, err error) {
	operator := b.operator.cmd.Process.Pid
	api, err := child("kube-apiserver")
	if err != nil {
		return u, err
	}
	etcd, err := child("etcd")
	if err != nil {
		return u, err
	}
	var errs [4]error
	u.operator, errs[0] = cpuOf(operator)
	u.api, errs[1] = cpuOf(api)
	u.etcd, errs[2] = cpuOf(etcd)
	u.peak, errs[3] = peakOf(operator)
	return u, errors.Join(errs[:]...)
}

// child is the process of that name that this one has started.
func child(name string) (int, error) {
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, file := range all {
		fields, comm, err := stat(file)
		if err == nil && comm == name && fields[1] == strconv.Itoa(os.Getpid()) {
			return strconv.Atoi(filepath.Base(filepath.Dir(file)))
		}
	}
	return 0, fmt.Errorf("no process %s", name)
}

// stat is what the kernel says of a process after its name (proc(5)): state, parent, ...
func stat(file string) (fields []string, comm string, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, "", err
	}
	before, after, ok := strings.Cut(string(b), ") ")
	_, comm, _ = strings.Cut(before, "(")
	if fields = strings.Fields(after); !ok || len(fields) < 13 {
		return nil, "", fmt.Errorf("%s has %q", file, b)
	}
	return fields, comm, nil
}

// cpuOf is how much processor time a process has used.
func cpuOf(pid int) (time.Duration, error) {
	fields, _, err := stat(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	const tick = time.Second / 100 // USER_HZ
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

// peakOf is the most memory that a process has had, in bytes (VmHWM in proc(5)).
func peakOf(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmHWM:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmHWM", pid)
}
