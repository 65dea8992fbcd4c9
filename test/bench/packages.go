package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// peerPackages are the servers that ours is compared with. Debian's packages of
// FTP servers exclude each other, so they are unpacked and not installed, which
// also leaves this machine as it is.
var peerPackages = []string{"vsftpd", "proftpd-core", "proftpd-mod-crypto", "pure-ftpd", "pure-ftpd-common", "openssh-server", "openssh-sftp-server"}

// unpackPeers returns a folder that holds the files of the peers' packages and
// of the libraries that they need and this machine lacks.
func unpackPeers(ctx context.Context, out io.Writer) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(base, "fileserver-operator", "bench-peers")
	done := filepath.Join(dir, "complete")
	if _, err := os.Stat(done); err == nil {
		return dir, nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", errors.New("the servers to compare with come from Debian's packages, and there is no apt-get here")
	}
	fmt.Fprintln(out, "# downloading the peers:", strings.Join(peerPackages, " "))
	names, err := wantedPackages(ctx)
	if err != nil && os.Getuid() == 0 { // with no lists, or old ones
		if err := command(ctx, "", "apt-get", "update", "-qq"); err != nil {
			return "", err
		}
		names, err = wantedPackages(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("%w (apt-get update, as root, may help)", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := command(ctx, dir, "apt-get", append([]string{"download", "-qq"}, names...)...); err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return "", err
	}
	for _, deb := range debs {
		if err := command(ctx, dir, "dpkg-deb", "-x", deb, dir); err != nil {
			return "", err
		}
		os.Remove(deb)
	}
	return dir, os.WriteFile(done, nil, 0o600)
}

// wantedPackages are the peers' packages and the libraries that apt-get would
// install with them. It is asked package by package, for they exclude each other.
func wantedPackages(ctx context.Context) ([]string, error) {
	wanted := map[string]bool{}
	for _, p := range peerPackages {
		wanted[p] = true
		cmd := exec.CommandContext(ctx, "apt-get", "install", "--print-uris", "-qq", "--no-install-recommends", p)
		cmd.Stderr = os.Stderr
		uris, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("apt-get knows no package %s: %w", p, err)
		}
		for line := range strings.Lines(string(uris)) {
			fields := strings.Fields(line) // 'uri' name_version_arch.deb size checksum
			if len(fields) > 1 && strings.HasPrefix(fields[1], "lib") {
				name, _, _ := strings.Cut(fields[1], "_")
				wanted[name] = true
			}
		}
	}
	names := make([]string, 0, len(wanted))
	for name := range wanted {
		names = append(names, name)
	}
	return names, nil
}

// command runs a program in a folder; what it says is in the error.
func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, b)
	}
	return nil
}
