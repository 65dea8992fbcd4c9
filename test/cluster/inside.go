package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// What follows looks into a cluster of hack/cluster, whose nodes are processes
// and network namespaces of this machine.

// On is a command in the network namespace of a part of the cluster: "router",
// or the name of a node.
func (c *Cluster) On(ctx context.Context, part, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, c.program, append([]string{"exec", "--name", c.Name, part, "--", name}, args...)...)
}

// InPod is a command in the network namespace of the pod with that UID.
func (c *Cluster) InPod(ctx context.Context, uid, name string, args ...string) (*exec.Cmd, error) {
	pids, err := processes(uid)
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, "nsenter", append([]string{"--net=/proc/" + pids[0] + "/ns/net", name}, args...)...), nil
}

// Kill ends the program in the pod with that UID like kill -9 on its node.
func (c *Cluster) Kill(uid string) error {
	pids, err := processes(uid)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		comm, _ := os.ReadFile(filepath.Join("/proc", pid, "comm"))
		if strings.TrimSpace(string(comm)) != "pause" {
			return exec.Command("kill", "-9", pid).Run()
		}
	}
	return fmt.Errorf("pod %s runs no program", uid)
}

// processes are those of the pod with that UID.
func processes(uid string) ([]string, error) {
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return nil, err
	}
	var pids []string
	for _, g := range groups {
		b, _ := os.ReadFile(g) // of one that has just ended, nothing
		if strings.Contains(string(b), "/pod"+uid+"/") {
			pids = append(pids, filepath.Base(filepath.Dir(g)))
		}
	}
	if len(pids) == 0 {
		return nil, fmt.Errorf("pod %s has no process on this machine", uid)
	}
	return pids, nil
}

// Dial connects from where the clients are.
func (c *Cluster) Dial(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	if !c.Local() {
		return d.DialContext(ctx, "tcp", address)
	}
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		// The thread is not unlocked, so that it ends with the goroutine. The
		// socket stays in the namespace where it was made.
		runtime.LockOSThread()
		err := enter("/run/netns/" + c.Name + "-client")
		if err != nil {
			done <- result{nil, err}
			return
		}
		conn, err := d.DialContext(ctx, "tcp", address)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// enter moves this thread into a network namespace.
func enter(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering %s: %w", path, err)
	}
	return nil
}
