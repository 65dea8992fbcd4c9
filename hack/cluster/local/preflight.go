package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// toolPath is where programs of the distribution are looked for: a user's PATH may lack the sbin folders.
const toolPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// cniDirs is where distributions keep the CNI plugins.
var cniDirs = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}

// tools maps what is needed to Debian's package for it.
var tools = []struct{ file, debian string }{
	{"runc", "runc"},
	{"nft", "nftables"},      // kube-proxy, the balancer
	{"iptables", "iptables"}, // the CNI plugin for host ports
	{"nsenter", "util-linux"},
	{"unshare", "util-linux"},
}

var cniPlugins = []string{"ptp", "host-local", "loopback", "portmap"}

const cniPackage = "containernetworking-plugins"

// missingPackages lists Debian's packages for what is not there.
func missingPackages() []string {
	var packages []string
	for _, t := range tools {
		if !slices.ContainsFunc(strings.Split(toolPath, ":"), func(dir string) bool { return executable(filepath.Join(dir, t.file)) }) {
			packages = append(packages, t.debian)
		}
	}
	if cniDir() == "" {
		packages = append(packages, cniPackage)
	}
	slices.Sort(packages)
	return slices.Compact(packages)
}

// cniDir is the folder that holds the CNI plugins, empty if there is none.
func cniDir() string {
	for _, dir := range cniDirs {
		if !slices.ContainsFunc(cniPlugins, func(p string) bool { return !executable(filepath.Join(dir, p)) }) {
			return dir
		}
	}
	return ""
}

func executable(path string) bool { return unix.Access(path, unix.X_OK) == nil }

// Preflight says in a sentence what the machine lacks and how to mend it.
func Preflight() error {
	if err := checkPrivilege(); err != nil {
		return err
	}
	if missing := missingPackages(); len(missing) > 0 {
		return fmt.Errorf("the cluster needs programs from these packages: %s; install them with\n  %s\nor let this command do it: cluster deps",
			strings.Join(missing, ", "), installCommand(missing))
	}
	return nil
}

func checkPrivilege() error {
	if os.Geteuid() != 0 {
		return errors.New("the cluster makes network namespaces, mounts and control groups, which takes root: run the same command with sudo")
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	for name, capability := range map[string]int{"CAP_SYS_ADMIN": unix.CAP_SYS_ADMIN, "CAP_NET_ADMIN": unix.CAP_NET_ADMIN} {
		if data[capability/32].Effective&(1<<(capability%32)) == 0 {
			return fmt.Errorf("root lacks %s here: run this on the machine itself, or in a container started with --privileged", name)
		}
	}
	return nil
}

func installCommand(packages []string) string {
	return "apt-get update && apt-get install --yes --no-install-recommends " + strings.Join(packages, " ")
}

// InstallPackages installs what Preflight would ask for, on Debian and its relatives.
func InstallPackages(ctx context.Context, out io.Writer) error {
	missing := missingPackages()
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("this is not Debian, so install the equivalents of these packages yourself: %s", strings.Join(missing, ", "))
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("installing packages takes root: sudo sh -c '%s'", installCommand(missing))
	}
	fmt.Fprintf(out, "installing %s\n", strings.Join(missing, ", "))
	cmd := exec.CommandContext(ctx, "sh", "-c", installCommand(missing))
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", installCommand(missing), err, lastLines(output, 15))
	}
	return nil
}
