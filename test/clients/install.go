package clients

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// packages are Debian's, by the program that is needed of them.
var packages = map[string]string{
	"curl": "curl", "inetutils-ftp": "inetutils-ftp", "lftp": "lftp", "ncftpput": "ncftp", "psftp": "putty-tools",
	"python3": "python3", "rclone": "rclone", "scp": "openssh-client", "sftp": "openssh-client", "sshpass": "sshpass",
	"tnftp": "tnftp",
}

// Install installs the programs that are missing; see InstallPackages.
func Install(ctx context.Context, out io.Writer) error {
	var missing []string
	for _, c := range Cases() {
		if program := c.Missing(); program != "" {
			missing = append(missing, packages[program])
		}
	}
	return InstallPackages(ctx, out, missing)
}

// InstallPackages installs packages of Debian, if there are any to install and
// that can be done: as root, with apt-get. Elsewhere it says what to install.
func InstallPackages(ctx context.Context, out io.Writer, missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	missing = slices.Compact(missing)
	names := strings.Join(missing, " ")
	if _, err := exec.LookPath("apt-get"); err != nil || os.Getuid() != 0 {
		return fmt.Errorf("client programs are missing; install them: apt-get install %s", names)
	}
	fmt.Fprintln(out, "installing client programs:", names)
	for _, args := range [][]string{{"update", "-qq"}, append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...)} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if b, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, b)
		}
	}
	return nil
}
