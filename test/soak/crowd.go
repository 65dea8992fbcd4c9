package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// attack is a way to misbehave.
type attack struct {
	name, what string
	workers    int
	// run misbehaves once, until it is over or the context is. It is run again
	// and again.
	run func(ctx context.Context, w *worker)
}

// attacks are all that the crowd does.
var attacks = slices.Concat(ftpAttacks, dataAttacks, sshAttacks, sftpAttacks)

// crowd is the process of those who misbehave.
type crowd struct {
	cmd  *exec.Cmd
	once sync.Once
}

func startCrowd(t target, only string) (*crowd, error) {
	file, err := os.CreateTemp("", "fileserver-soak-target-")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := json.NewEncoder(file).Encode(t); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &crowd{cmd: exec.Command("nice", "-n", "15", self, "-crowd", file.Name(), "-only", only)}
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c, c.cmd.Start()
}

// end lets all of them go at once, as when a network breaks.
func (c *crowd) end() {
	c.once.Do(func() {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	})
}

func beCrowd(ctx context.Context, path, only string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_ = os.Remove(path)
	var t target
	if err := json.Unmarshal(b, &t); err != nil {
		return err
	}
	raiseDescriptors()
	chosen := strings.FieldsFunc(only, func(r rune) bool { return r == ',' })
	for _, name := range chosen {
		if !slices.ContainsFunc(attacks, func(a attack) bool { return a.name == name }) {
			return fmt.Errorf("there is no attack %q; -list has them all", name)
		}
	}
	var all sync.WaitGroup
	for i, a := range attacks {
		if len(chosen) > 0 && !slices.Contains(chosen, a.name) {
			continue
		}
		for n := range a.workers {
			all.Go(func() {
				w := &worker{target: t, net: byte(10 + i)}
				w.host.Store(uint32(n) << 8)
				pause(ctx, time.Duration(n)*20*time.Millisecond)
				for ctx.Err() == nil {
					w.run(ctx, a)
					pause(ctx, 50*time.Millisecond)
				}
			})
		}
	}
	all.Wait()
	return nil
}

func raiseDescriptors() {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) == nil {
		l.Cur = l.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	}
}

// worker is one who misbehaves. It has addresses of its own, 127.x.y.z, since
// some attacks get an address banned.
type worker struct {
	target
	net  byte
	host atomic.Uint32

	mu   sync.Mutex
	open []net.Conn
}

// run runs an attack once, and then closes what it has left open.
func (w *worker) run(ctx context.Context, a attack) {
	w.move()
	stop := context.AfterFunc(ctx, w.closeAll)
	defer stop()
	defer w.closeAll()
	a.run(ctx, w)
}

// move takes another address.
func (w *worker) move() { w.host.Add(1) }

func (w *worker) closeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.open {
		c.Close()
	}
	w.open = nil
}

func (w *worker) dial(port int) (net.Conn, error) {
	h := w.host.Load()
	d := net.Dialer{Timeout: 20 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, w.net, byte(h>>8), byte(h))}}
	c, err := d.Dial("tcp", w.address(port))
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.open = append(w.open, c)
	w.mu.Unlock()
	return c, nil
}

// hold keeps connections until the server ends them all, or for a while: some
// attacks are about what a server that is patient holds.
func hold(ctx context.Context, d time.Duration, conns ...net.Conn) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var all sync.WaitGroup
	for _, c := range conns {
		all.Go(func() {
			stop := context.AfterFunc(ctx, func() { c.Close() })
			defer stop()
			b := make([]byte, 256)
			for {
				if _, err := c.Read(b); err != nil {
					return
				}
			}
		})
	}
	all.Wait()
}
