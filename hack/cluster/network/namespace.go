// Package network makes the network namespaces of a cluster and joins them. Nothing of the host's own
// network is touched: every link has both ends in namespaces made here.
package network

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const namespaceDir = "/run/netns"

// Path is where a namespace is mounted, in the place where `ip netns` looks too.
func Path(namespace string) string { return filepath.Join(namespaceDir, namespace) }

// Exists tells whether a namespace is there; a file left by a machine's restart is not one.
func Exists(namespace string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(Path(namespace), &fs) == nil && fs.Type == unix.NSFS_MAGIC
}

// List returns the names of all namespaces on the machine.
func List() ([]string, error) {
	entries, err := os.ReadDir(namespaceDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// ensureNamespace makes a namespace unless it exists.
func ensureNamespace(namespace string) error {
	if Exists(namespace) {
		return nil
	}
	if err := os.MkdirAll(namespaceDir, 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(Path(namespace), os.O_CREATE|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	file.Close()
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("making network namespace %s: %w", namespace, err)
		}
		if err := unix.Mount("/proc/thread-self/ns/net", Path(namespace), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("keeping network namespace %s: %w", namespace, err)
		}
		return nil
	})
}

// Remove deletes a namespace, with every link in it.
func Remove(namespace string) error {
	if Exists(namespace) {
		if err := unix.Unmount(Path(namespace), unix.MNT_DETACH); err != nil {
			return fmt.Errorf("removing network namespace %s: %w", namespace, err)
		}
	}
	if err := os.Remove(Path(namespace)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Do calls f on a thread inside the namespace. f must not start goroutines that rely on it.
func Do(namespace string, f func() error) error {
	ns, err := netns.GetFromPath(Path(namespace))
	if err != nil {
		return fmt.Errorf("entering network namespace %s: %w", namespace, err)
	}
	defer ns.Close()
	return onThread(func() error {
		if err := netns.Set(ns); err != nil {
			return fmt.Errorf("entering network namespace %s: %w", namespace, err)
		}
		return f()
	})
}

// onThread calls f on a thread of its own, which ends with the goroutine because it is never unlocked: a
// thread that changed its namespace must not run anything else.
func onThread(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		result <- f()
	}()
	return <-result
}

// open returns a netlink handle inside the namespace.
func open(namespace string) (*netlink.Handle, error) {
	ns, err := netns.GetFromPath(Path(namespace))
	if err != nil {
		return nil, fmt.Errorf("opening network namespace %s: %w", namespace, err)
	}
	defer ns.Close()
	return netlink.NewHandleAt(ns)
}

// sysctls are set inside a namespace; the host's own values stay.
func setSysctls(namespace string, values map[string]string) error {
	return Do(namespace, func() error {
		for name, value := range values {
			if err := os.WriteFile(filepath.Join("/proc/sys/net", name), []byte(value), 0o644); err != nil {
				return fmt.Errorf("setting net/%s in %s: %w", name, namespace, err)
			}
		}
		return nil
	})
}
