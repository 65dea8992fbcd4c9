// Package process starts the programs of a cluster in the background, remembers them, and ends them.
package process

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/cgroup"
)

// A Process describes a program in the background.
type Process struct {
	Name    string   // unique in the cluster; also the name of the log
	Prefix  []string // a command that enters the namespaces and then becomes the program, such as nsenter
	Command []string
	Env     []string // added to the environment
	Cgroup  string
	// Config is what the program reads at start: when it changes, the program is restarted.
	Config []string
}

// A record is what is remembered of a running process.
type record struct {
	PID int `json:"pid"`
	// Started is the start time from /proc: together with the PID it is never given to another process
	// until the machine restarts, and the records do not outlive that.
	Started string `json:"started"`
	// Fingerprint is that of the Process it was started from.
	Fingerprint string `json:"fingerprint"`
}

// Set is the processes of one cluster.
type Set struct {
	Dir  string // records; on a file system that a restart of the machine empties
	Logs string
}

// Log is where a process writes to.
func (s Set) Log(name string) string { return filepath.Join(s.Logs, name+".log") }

// Running tells whether a process that was recorded under this name still runs.
func (s Set) Running(name string) bool {
	r, err := s.read(name)
	return err == nil && r.alive()
}

// PID of a running process, 0 if there is none.
func (s Set) PID(name string) int {
	if r, err := s.read(name); err == nil && r.alive() {
		return r.PID
	}
	return 0
}

// Ensure starts a process unless it runs as described, and tells whether it had to.
func (s Set) Ensure(ctx context.Context, p Process) (started bool, err error) {
	fingerprint := p.fingerprint()
	if r, err := s.read(p.Name); err == nil && r.alive() {
		if r.Fingerprint == fingerprint {
			return false, nil
		}
		if err := s.Stop(ctx, p.Name); err != nil {
			return false, err
		}
	}
	return true, s.start(p, fingerprint)
}

func (s Set) start(p Process, fingerprint string) error {
	for _, dir := range []string{s.Dir, s.Logs} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	log, err := os.OpenFile(s.Log(p.Name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Fprintf(log, "--- %s: %v\n", time.Now().Format(time.RFC3339), p.Command)

	args := append(append([]string{}, p.Prefix...), p.Command...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), p.Env...)
	// A session of its own: what ends the terminal must not end the cluster.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	pid := cmd.Process.Pid
	r := record{PID: pid, Started: startTime(pid), Fingerprint: fingerprint}
	// Reap it if it ends while this command still runs, else it would look alive.
	go cmd.Wait() //nolint:errcheck // its end is seen in /proc
	err = errors.Join(cgroup.Add(p.Cgroup, pid), s.write(p.Name, r))
	if err != nil {
		cmd.Process.Kill() //nolint:errcheck // the error that counts is reported
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	return nil
}

// Stop asks a process to end, waits, and kills it if it does not: an API server lingers for as long as clients
// hold watches, and a successor must not find its port taken.
func (s Set) Stop(ctx context.Context, name string) error {
	r, err := s.read(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	r.signal(syscall.SIGTERM)
	r.wait(ctx, 3*time.Second)
	r.signal(syscall.SIGKILL)
	if !r.wait(ctx, 10*time.Second) {
		return fmt.Errorf("%s (process %d) does not end", name, r.PID)
	}
	return os.Remove(s.file(name))
}

// Names lists the recorded processes.
func (s Set) Names() ([]string, error) {
	files, err := filepath.Glob(s.file("*"))
	for i, f := range files {
		files[i] = f[len(s.Dir)+1 : len(f)-len(".json")]
	}
	return files, err
}

func (s Set) file(name string) string { return filepath.Join(s.Dir, name+".json") }

func (s Set) read(name string) (record, error) {
	var r record
	data, err := os.ReadFile(s.file(name))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}

func (s Set) write(name string, r record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(s.file(name), data, 0o644)
}

func (p Process) fingerprint() string {
	h := sha256.New()
	// The environment of the caller is left out: it differs between two calls, and the programs do not
	// depend on it.
	json.NewEncoder(h).Encode([]any{p.Prefix, p.Command, p.Env, p.Cgroup, p.Config})
	return hex.EncodeToString(h.Sum(nil))
}

func (r record) alive() bool { return r.Started != "" && startTime(r.PID) == r.Started }

func (r record) signal(signal syscall.Signal) {
	if r.alive() {
		syscall.Kill(r.PID, signal) //nolint:errcheck // it may just have ended
	}
}

// wait tells whether the process ended in time.
func (r record) wait(ctx context.Context, patience time.Duration) bool {
	return until(ctx, patience, func() bool { return !r.alive() })
}

func until(ctx context.Context, patience time.Duration, done func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			return done()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return true
}

// startTime is the 22nd field of /proc/PID/stat, empty for a process that has ended, even if nobody has
// reaped it yet. The name before it may hold blanks and brackets.
func startTime(pid int) string {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return ""
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 || string(fields[0]) == "Z" || string(fields[0]) == "X" {
		return ""
	}
	return string(fields[19])
}
