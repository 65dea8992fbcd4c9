package assets

import (
	"errors"
	"os"
	"path/filepath"
)

// FindSource returns the checkout's hack/cluster folder, looking upwards from the working directory and
// then from the program itself. The module files are not embedded in the program, because go:embed stops
// at a nested module.
func FindSource() (string, error) {
	var starts []string
	if dir, err := os.Getwd(); err == nil {
		starts = append(starts, dir)
	}
	if exe, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(exe))
	}
	for _, dir := range starts {
		for {
			candidate := filepath.Join(dir, "hack", "cluster")
			if _, err := os.Stat(filepath.Join(candidate, kubernetes.Name, "go.mod")); err == nil {
				return candidate, nil
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return "", errors.New("cannot find hack/cluster: run this inside a checkout of fileserver-operator")
}

// CacheDir is where programs are kept: $XDG_CACHE_HOME/fileserver-operator, or ~/.cache/fileserver-operator.
func CacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(base, "fileserver-operator"), nil
}
