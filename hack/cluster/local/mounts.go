package local

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// mountsBelow lists the mounts at and below a folder, the innermost first.
func mountsBelow(dir string) ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var found []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 4 && (fields[4] == dir || strings.HasPrefix(fields[4], dir+"/")) {
			found = append(found, fields[4])
		}
	}
	slices.Reverse(found) // they are listed in the order in which they were made
	return found, nil
}

func unmountBelow(dir string) error {
	mounts, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if err := unix.Unmount(m, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmounting %s: %w", m, err)
		}
	}
	return nil
}

// mountpoints remembers which folders of the machine were made for the nodes' binds.
var mountpoints = filepath.Join(runRoot, "mountpoints")

// ensureMountpoint makes a folder to mount on, and remembers to remove it.
func ensureMountpoint(dir string) error {
	if err := os.Mkdir(dir, 0o755); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	file, err := os.OpenFile(mountpoints, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(file, dir)
	return errors.Join(err, file.Close())
}

// removeMountpoints removes the folders that were made, as far as nobody else has put anything there.
func removeMountpoints() error {
	data, err := os.ReadFile(mountpoints)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, dir := range strings.Fields(string(data)) {
		os.Remove(dir) //nolint:errcheck // it refuses a folder that is in use
	}
	return os.Remove(mountpoints)
}
