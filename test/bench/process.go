package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// process is a server, with all the processes that it starts.
type process struct {
	cmd    *exec.Cmd
	log    string
	cgroup string        // its folder
	end    chan struct{} // closed when it has ended
}

// isolated starts a program as the first process of a namespace of its own, so
// that it ends with all its children, and, with a sandbox, with user accounts
// that exist only for it.
func (e *environment) isolated(name string, cmd *exec.Cmd) (*process, error) {
	log := e.path("logs", name+".log")
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWPID
	// A session is what the kernel shares the processors between, not a process:
	// else a server with many of them would get more of a busy machine.
	cmd.SysProcAttr.Setsid = true
	group, err := e.newCgroup(name)
	if err != nil {
		return nil, err
	}
	defer group.Close()
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(group.Fd())
	if err := e.start(cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &process{cmd: cmd, log: log, cgroup: group.Name(), end: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(p.end)
	}()
	return p, nil
}

// start starts a command where servers are.
func (e *environment) start(cmd *exec.Cmd) error {
	if e.wire == nil {
		return cmd.Start()
	}
	return e.wire.atServers(cmd.Start)
}

// stop ends the process and with it its namespace.
func (p *process) stop() {
	p.cmd.Process.Kill()
	<-p.end
	os.Remove(p.cgroup)
}

// await waits until the process listens at addr.
func (p *process) await(addr string) error {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			c.Close()
			return nil
		}
		select {
		case <-p.end:
			return fmt.Errorf("it ended: %s\n%s", p.cmd.ProcessState, p.output())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("it does not listen at %s\n%s", addr, p.output())
}

// output is the end of what it wrote.
func (p *process) output() string {
	b, _ := os.ReadFile(p.log)
	if len(b) > 2000 {
		b = b[len(b)-2000:]
	}
	return string(b)
}

// processes are the folders in /proc of the processes of the namespace.
func (p *process) processes() ([]string, error) {
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", p.cmd.Process.Pid))
	if err != nil {
		return nil, err
	}
	all, err := filepath.Glob("/proc/[0-9]*")
	return slices.DeleteFunc(all, func(dir string) bool {
		ns, err := os.Readlink(dir + "/ns/pid")
		return err != nil || ns != own
	}), err
}

// memory is their proportional set size, in bytes.
func (p *process) memory() (pss int64, err error) {
	dirs, err := p.processes()
	for _, dir := range dirs {
		b, err := os.ReadFile(dir + "/smaps_rollup")
		if err != nil {
			continue // it has ended
		}
		for line := range bytes.Lines(b) {
			if fields := bytes.Fields(line); len(fields) > 1 && string(fields[0]) == "Pss:" {
				kib, err := strconv.ParseInt(string(fields[1]), 10, 64)
				if err != nil {
					return 0, err
				}
				pss += kib << 10
			}
		}
	}
	return pss, err
}
