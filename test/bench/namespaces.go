package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// insideEnv tells that this process has namespaces of its own.
const insideEnv = "FILESERVER_BENCH_INSIDE"

func inside() bool { return os.Getenv(insideEnv) != "" }

// enter runs this program again in a network and a mount namespace of its own:
// nobody else is on its network, and what it mounts ends with it. Before, what
// needs the machine's network is done.
func enter(ctx context.Context, notes io.Writer) error {
	if os.Getuid() != 0 {
		return errors.New("the peers need root: they start as root and change to the user who logs in")
	}
	if _, err := unpackPeers(ctx, notes); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("inside: %w", err)
	}
	return nil
}

// settleIn prepares the namespaces that enter made.
func settleIn() error {
	// Mounts are not to spread to the machine, whatever its own do.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	return loopbackUp()
}
