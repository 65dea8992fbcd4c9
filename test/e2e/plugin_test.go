//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/cluster"
)

// plugin builds `kubectl fileserver`, once.
var plugin = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(os.TempDir(), fmt.Sprintf("kubectl-fileserver-%d", os.Getpid()))
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/kubectl-fileserver")
	cmd.Dir = cluster.Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the plug-in: %w\n%s", err, out)
	}
	return binary, nil
})

// fileserver runs the plug-in where the clients are, and returns its exit code and
// what it prints.
func (n *space) fileserver(args ...string) (int, string, string) {
	n.t.Helper()
	binary, err := plugin()
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(n.t.Context(), deadline)
	defer cancel()
	var out, errOut strings.Builder
	cmd := kube.Client(ctx, binary, append([]string{"--kubeconfig", n.kubeconfigInside(), "-n", n.name}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		n.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

// checked is what check says is wrong; empty if nothing is.
func (n *space) checked(args ...string) string {
	n.t.Helper()
	args = append([]string{"check", "files", "--login-as", "alice", "-o", "json", "--timeout", "2s"}, args...)
	code, out, errOut := n.fileserver(args...)
	var v struct{ Finding *struct{ Wrong string } }
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		n.t.Fatalf("exit code %d, %v: %s\n%s", code, err, out, errOut)
	}
	switch {
	case v.Finding == nil && code == 0:
		return ""
	case v.Finding != nil && code == 2:
		return v.Finding.Wrong
	}
	n.t.Errorf("exit code %d, and it says %s", code, out)
	return out
}

// Two pods, two address families, and each of their passive ports.
func TestACheckOfAHealthyServerFindsNothing(t *testing.T) {
	t.Parallel()
	n := newSpace(t)
	n.serve(`{replicas: 2, expose: {ipFamilyPolicy: PreferDualStack}, passive: {ports: {first: 50000, last: 50011}, portsPerPod: 4}}`)
	if got := n.checked(); got != "" {
		t.Errorf("nothing is wrong, and it says %q", got)
	}
}

// Accounts that Debian's tools have made log in with the passwords that they had, and
// see the host keys that they knew.
func TestImportedAccountsLogInAsBefore(t *testing.T) {
	t.Parallel()
	n := newSpace(t)
	dumps := filepath.Join(cluster.Root(), "cmd", "kubectl-fileserver", "internal", "accounts", "testdata")
	keys := filepath.Join(n.dir, "keys")
	if err := os.Mkdir(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"ed25519", "rsa"} {
		if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", kind, "-N", "", "-f", filepath.Join(keys, "ssh_host_"+kind+"_key")).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	// dump is one of the dumps, in which the names begin with that of their source.
	dump := func(source, file string, change ...string) string {
		text, err := os.ReadFile(filepath.Join(dumps, file))
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile(`(?m)^`).ReplaceAllString(strings.NewReplacer(change...).Replace(string(text)), source+"-")
		return n.file(source+"-"+filepath.Base(file), named)
	}
	for _, args := range [][]string{
		{"hostkeys", keys},
		{"passwd", dump("unix", "unix/passwd"), "--shadow", dump("unix", "unix/shadow")},
		{"proftpd", dump("pro", "proftpd/ftpd.passwd")},
		{"pureftpd", dump("pure", "pureftpd/pureftpd.passwd", "partner.example.com:203.0.113.5", ":")},
	} {
		code, out, errOut := n.fileserver(append(append([]string{"import"}, args...), "--server", "files")...)
		if code == 1 {
			t.Fatalf("%s: %s", args[0], errOut)
		}
		n.apply(out)
	}
	target := n.serve(`{sshHostKeys: {secretRef: {name: files-imported-host-keys}}}`)
	known := ""
	for _, kind := range []string{"ed25519", "rsa"} {
		public, err := os.ReadFile(filepath.Join(keys, "ssh_host_"+kind+"_key.pub"))
		if err != nil {
			t.Fatal(err)
		}
		known += target.Host + " " + string(public)
	}
	known = n.file("old_known_hosts", known)
	for _, user := range []string{"unix-alice", "unix-bob", "unix-frank", "pro-alice", "pro-bob", "pro-carol", "pure-carol"} {
		n.waitReady("fileserveruser/" + user)
		target.User, target.Password = user, "correct horse"
		if err := n.curl(target, ""); err != nil {
			t.Errorf("%s by FTPS: %v", user, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := kube.Client(ctx, "sshpass", "-p", target.Password, "sftp", "-F", "/dev/null", "-P", fmt.Sprint(target.SFTP), "-o", "PubkeyAuthentication=no",
			"-o", "UserKnownHostsFile="+known, "-o", "StrictHostKeyChecking=yes", user+"@"+target.Host)
		cmd.Stdin = strings.NewReader("ls\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s by SFTP: %v: %s", user, err, out)
		}
		cancel()
	}
}
