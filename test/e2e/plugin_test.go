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

	"github.com/fileserver-dev/fileserver-operator/test/clients"
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

// The router in front of the cluster drops, resets or rewrites what clients send. It has
// the machine for itself: what comes late is a finding too.
func TestThePlugInNamesWhatIsWrong(t *testing.T) {
	n := newSpace(t)
	target := n.serve(`{replicas: 2, expose: {ipFamilyPolicy: PreferDualStack}, passive: {ports: {first: 50000, last: 50011}, portsPerPod: 4}}`)
	addresses := strings.Fields(n.kubectl("get", "fileserver", "files", "-o", `jsonpath={.status.endpoints[?(@.name=="sftp")].address}`))
	if len(addresses) != 2 {
		t.Fatalf("addresses are %q", addresses)
	}
	v4, v6 := addresses[0], addresses[1]
	if strings.Contains(v4, ":") {
		v4, v6 = v6, v4
	}
	if got := n.checked(); got != "" {
		t.Fatalf("nothing is wrong, and it says %q", got)
	}
	target.Host = v4 // for sftp takes what comes after a colon for a path
	n.kicks(target)
	table := "check-" + n.name
	gone := fmt.Sprintf("add table inet %[1]s\ndelete table inet %[1]s\nadd table ip %[1]s\ndelete table ip %[1]s", table)
	t.Cleanup(func() { n.onRouter(gone) })
	to := func(address, rule string) string { return "ip daddr " + address + " " + rule }
	for _, f := range []struct {
		name string
		// filter are rules before the balancer, translation those that change
		// where a connection leads.
		filter, translation string
		want                string
		args                []string
	}{
		{"one address dropped", "ip6 daddr " + v6 + " drop", "", "No port of " + v6 + " answers, while others", nil},
		{"FTP's port dropped", to(v4, "tcp dport 21 drop"), "", "Port 21 (ftp) of " + v4 + " does not answer (nothing came)", nil},
		{"FTPS's port reset", to(v4, "tcp dport 990 reject with tcp reset"), "", "Port 990 (ftps) of " + v4 + " does not answer (refused)", nil},
		{"SFTP's port reset", to(v4, "tcp dport 22 reject with tcp reset"), "", "Port 22 (sftp) of " + v4 + " does not answer (refused)", nil},
		{"an unreachable network", "ip6 daddr " + v6 + " reject with icmpv6 type no-route", "", "There is no route from here to " + v6, nil},
		{"no greeting of SFTP", "ip saddr " + v4 + " tcp sport 22 tcp flags & psh == psh drop", "", "and then nothing comes (sftp)", nil},
		{"no handshake of FTPS", "ip saddr " + v4 + " tcp sport 990 tcp flags & psh == psh drop", "", "no TLS handshake at " + v4 + ":990", nil},
		{"FTP led to SSH", "", to(v4, "tcp dport 21 dnat to "+v4+":22"), "At " + v4 + ":21 something else than ftp answers", nil},
		{"SFTP led to FTP", "", to(v4, "tcp dport 22 dnat to "+v4+":21"), "At " + v4 + ":22 something else than sftp answers", nil},
		{"FTPS led to FTP", "", to(v4, "tcp dport 990 dnat to "+v4+":21"), "no TLS handshake at " + v4 + ":990", nil},
		{"passive ports dropped", to(v4, "tcp dport 50000-50011 drop"), "", "No passive port of " + v4 + " answers (nothing came)", nil},
		{"passive ports reset", to(v4, "tcp dport 50000-50011 reject with tcp reset"), "", "No passive port of " + v4 + " answers (refused)", nil},
		{"nothing through passive ports", "ip saddr " + v4 + " tcp sport 50000-50011 tcp flags & psh == psh drop", "", "data connection", nil},
		{"the ports of a pod dropped", to(v4, "tcp dport "+n.slotPorts(1)+" drop"), "", "No passive port of pod files-1", []string{"--every-port"}},
		{"a passive port reset", to(v4, "tcp dport "+firstOf(n.slotPorts(0))+" reject with tcp reset"), "",
			"Passive port " + firstOf(n.slotPorts(0)) + " of pod files-0", []string{"--every-port"}},
	} {
		t.Run(f.name, func(t *testing.T) {
			n.onRouter(fmt.Sprintf(`%[4]s
table inet %[1]s {
	chain filter { type filter hook prerouting priority raw; policy accept; %[2]s
	}
}
table ip %[1]s {
	chain translation { type nat hook prerouting priority dstnat; policy accept; %[3]s
	}
}`, table, "\n"+f.filter, "\n"+f.translation, gone))
			args := f.args
			if args == nil {
				args = []string{"--every-port=false"}
			}
			if got := n.checked(args...); !strings.Contains(got, f.want) {
				t.Errorf("got %q, want %q", got, f.want)
			}
		})
	}
	n.onRouter(gone)
	n.kubectl("patch", "fileserveruser", "alice", "--type=merge", "-p", `{"spec": {"state": "Suspended"}}`)
	n.eventually("the user is suspended", func() error {
		if got := n.checked("--every-port=false"); !strings.Contains(got, "alice cannot log in (Suspended)") {
			return fmt.Errorf("it says %q", got)
		}
		return nil
	})
}

// kicks has an administrator see a session of bob's, and end it.
func (n *space) kicks(target clients.Target) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Minute)
	defer cancel()
	cmd := kube.Client(ctx, "sftp", "-b", "-", "-F", "/dev/null", "-P", fmt.Sprint(target.SFTP), "-i", target.KeyFile,
		"-o", "UserKnownHostsFile="+target.KnownHosts, "-o", "StrictHostKeyChecking=yes", target.KeyUser+"@"+target.Host)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	defer stdin.Close()
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.eventually("bob's session is seen", func() error {
		if code, out, errOut := n.fileserver("sessions", "files"); code != 0 || !strings.Contains(out, "bob") {
			return fmt.Errorf("exit code %d: %s%s", code, out, errOut)
		}
		return nil
	})
	if code, out, errOut := n.fileserver("kick", "files", "--username", "bob"); code != 0 || out != "1 sessions ended\n" {
		n.t.Errorf("exit code %d: %s%s", code, out, errOut)
	}
	n.eventually("bob's session has ended", func() error {
		if code, out, errOut := n.fileserver("sessions", "files"); code != 0 || strings.Contains(out, "bob") {
			return fmt.Errorf("exit code %d: %s%s", code, out, errOut)
		}
		return nil
	})
	stdin.Close()
	_ = cmd.Wait() // it finds out when it asks for something
}

// slotPorts are the passive ports of a slot, as "first-last".
func (n *space) slotPorts(slot int) string {
	n.t.Helper()
	return n.kubectl("get", "deployment", fmt.Sprintf("files-%d", slot), "-o", `jsonpath={.metadata.annotations.fileserver\.dev/passive-ports}`)
}

func firstOf(ports string) string {
	first, _, _ := strings.Cut(ports, "-")
	return first
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
