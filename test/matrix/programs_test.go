//go:build e2e

package matrix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
)

// Where Debian puts what is no program.
const (
	debianPython = "/usr/bin/python3"
	paramiko     = "/usr/lib/python3/dist-packages/paramiko"
	jsch         = "/usr/share/java/jsch.jar"
	asyncSSH     = "/usr/lib/python3/dist-packages/asyncssh"
	netSFTP      = "/usr/share/doc/ruby-net-sftp/copyright" // its library is where its version has it
	foreign      = "/usr/share/perl5/Net/SFTP/Foreign.pm"
	libssh       = "/usr/share/doc/libssh-4/copyright" // its library is where the architecture has it
	ioSocketSSL  = "/usr/share/perl5/IO/Socket/SSL.pm"
)

// packages are Debian's, by the program or file that is needed of them.
var packages = map[string]string{
	"curl": "curl", "inetutils-ftp": "inetutils-ftp", "lftp": "lftp", "ncftp": "ncftp", "rclone": "rclone", "tnftp": "tnftp",
	"sftp": "openssh-client", "scp": "openssh-client", "psftp": "putty-tools", "pscp": "putty-tools",
	"sshfs": "sshfs", "fusermount3": "fuse3", debianPython: "python3", paramiko: "python3-paramiko",
	"node": "nodejs", "npm": "npm", "javac": "default-jdk-headless", "java": "default-jre-headless", jsch: "libjsch-java",
	"cpan": "perl", ioSocketSSL: "libio-socket-ssl-perl", "ruby": "ruby",
	asyncSSH: "python3-asyncssh", netSFTP: "ruby-net-sftp", foreign: "libnet-sftp-foreign-perl", libssh: "libssh-4",
}

// install installs what is missing; see clients.InstallPackages.
func install(ctx context.Context, out io.Writer) error {
	var missing []string
	for needed, name := range packages {
		if !there(needed) {
			missing = append(missing, name)
		}
	}
	return clients.InstallPackages(ctx, out, missing)
}

// versions are those of Debian's packages that are installed, and of what comes
// from elsewhere.
func versions() string {
	names := slices.Compact(slices.Sorted(maps.Values(packages)))
	// It fails if one is not known, and tells of the others all the same.
	out, _ := exec.Command("dpkg-query", append([]string{"-W", "-f", "${Package} ${Version}\n"}, names...)...).Output()
	var all []string
	for line := range strings.Lines(string(out)) {
		if words := strings.Fields(line); len(words) == 2 {
			all = append(all, strings.Join(words, " "))
		}
	}
	return strings.Join(append(all, "npm's ssh2 "+ssh2Version), ", ")
}

func there(needed string) bool {
	if filepath.IsAbs(needed) {
		_, err := os.Stat(needed)
		return err == nil
	}
	_, err := exec.LookPath(needed)
	return err == nil
}

// ssh2Version is of the package ssh2 in npm's registry.
const ssh2Version = "1.17.0"

// ssh2 returns the folder with the package ssh2, which is installed once into
// the user's cache. What it could build as native code is left out.
var ssh2 = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "fileserver-operator", "ssh2-"+ssh2Version)
	if there(filepath.Join(dir, "node_modules", "ssh2", "package.json")) {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "ssh2-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "install", "--prefix", tmp, "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund",
		"ssh2@"+ssh2Version)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install: %w\n%s", err, out)
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, os.ErrExist) && !there(dir) {
		return "", err
	}
	return dir, nil
})

// jschClient returns the class path of the program in testdata that uses JSch.
var jschClient = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	dir := filepath.Join(base, "jsch")
	if out, err := exec.CommandContext(ctx, "javac", "-cp", jsch, "-d", dir, "testdata/Steps.java").CombinedOutput(); err != nil {
		return "", fmt.Errorf("javac: %w\n%s", err, out)
	}
	return dir + ":" + jsch, nil
})

// testdata is the absolute path of a file in testdata.
func testdata(name string) string {
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		panic(err) // only where there is no current folder
	}
	return path
}
