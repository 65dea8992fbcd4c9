//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
	"github.com/fileserver-dev/fileserver-operator/test/operator"
)

// put stores content in a file as alice, over FTPS.
func (n *space) put(t clients.Target, name, content string) {
	n.t.Helper()
	if err := n.curl(t, name, "-T", n.file("put", content)); err != nil {
		n.t.Fatal(err)
	}
}

// get returns the content of a file of alice's.
func (n *space) get(t clients.Target, name string) (string, error) {
	to := filepath.Join(n.dir, "got")
	if err := n.curl(t, name, "-o", to); err != nil {
		return "", err
	}
	b, err := os.ReadFile(to)
	return string(b), err
}

func (n *space) curl(t clients.Target, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(n.t.Context(), 30*time.Second)
	defer cancel()
	args = append([]string{"-sS", "--connect-timeout", "10", "--cacert", t.CAFile, "--user", t.User + ":" + t.Password,
		"ftps://" + net.JoinHostPort(t.Host, strconv.Itoa(t.FTPS)) + "/" + name}, args...)
	if out, err := kube.Client(ctx, "curl", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("curl: %w: %s", err, out)
	}
	return nil
}

// sftp lists a folder of sftp as bob, who believes only the host keys that the
// credentials named at first.
func (n *space) sftp(t clients.Target) error {
	ctx, cancel := context.WithTimeout(n.t.Context(), 30*time.Second)
	defer cancel()
	cmd := kube.Client(ctx, "sftp", "-b", "-", "-F", "/dev/null", "-P", fmt.Sprint(t.SFTP), "-i", t.KeyFile,
		"-o", "UserKnownHostsFile="+t.KnownHosts, "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10", t.KeyUser+"@"+t.Host)
	cmd.Stdin = strings.NewReader("ls\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sftp: %w: %s", err, out)
	}
	return nil
}

// identity is what clients know the server by, and log in with.
func (n *space) identity() string {
	n.t.Helper()
	return n.kubectl("get", "secrets", "files-ca", "files-ssh-host-keys", "alice-credentials", "-o", "jsonpath={.items[*].data}")
}

func TestAPodThatIsDeletedComesBackTheSame(t *testing.T) {
	t.Parallel()
	n := newSpace(t)
	target := n.serve("{}")
	n.put(target, "kept", "content")
	before := n.identity()

	n.kubectl("delete", "pods", "--all", "--wait=false")
	n.works(target, "kept", "content")
	if n.identity() != before {
		t.Error("certificate authority, host keys or password have changed")
	}
}

// works waits until a file can be read with what was known before, so the
// certificate, the password and the host keys are the same.
func (n *space) works(t clients.Target, name, want string) {
	n.t.Helper()
	n.eventually("reading what was stored", func() error {
		if got, err := n.get(t, name); err != nil || got != want {
			return fmt.Errorf("got %q, %w", got, errors.Join(err, errors.New("want "+want)))
		}
		return n.sftp(t)
	})
}

func TestTheOperatorComesBackAndChangesNothing(t *testing.T) {
	n := newSpace(t)
	target := n.serve("{}")
	n.put(target, "kept", "content")
	before := n.identity()
	pods := n.kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.uid}")

	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	for _, args := range [][]string{
		{"-n", operator.Namespace, "rollout", "restart", "deployment"},
		{"-n", operator.Namespace, "rollout", "status", "deployment", "--timeout=2m"},
	} {
		if _, err := kube.Kubectl(ctx, args...); err != nil {
			t.Fatal(err)
		}
	}
	// The new one has seen the object when it acts on a change of it.
	n.kubectl("annotate", "fileserver", "files", "test=1")
	n.apply(`
apiVersion: fileserver.dev/v1alpha1
kind: FileServerUser
metadata: {name: carol}
spec: {serverRef: {name: files}}
`)
	n.waitReady("fileserveruser/carol", "fileserver/files")
	n.works(target, "kept", "content")
	if n.identity() != before {
		t.Error("certificate authority, host keys or password have changed")
	}
	if now := n.kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.uid}"); now != pods {
		t.Error("pods were replaced")
	}
}

func TestDeletingAFileServerKeepsTheFilesAlone(t *testing.T) {
	t.Parallel()
	n := newSpace(t)
	target := n.serve("{}")
	n.put(target, "kept", "content")

	n.kubectl("delete", "fileserver", "files", "--timeout=2m")
	n.eventually("all but the claim is gone", func() error {
		left := strings.Fields(n.kubectl("get", "deployments,replicasets,pods,services,configmaps,secrets,endpointslices,networkpolicies,poddisruptionbudgets,pvc", "-o", "name"))
		var surplus []string
		for _, o := range left {
			switch o {
			case "persistentvolumeclaim/files-data", "configmap/kube-root-ca.crt",
				"secret/alice-credentials", "secret/bob-credentials": // of the users, who are still there
			default:
				surplus = append(surplus, o)
			}
		}
		if len(surplus) > 0 {
			return fmt.Errorf("left: %s", strings.Join(surplus, " "))
		}
		return nil
	})
	if phase := n.kubectl("get", "pvc", "files-data", "-o", "jsonpath={.status.phase}"); phase != "Bound" {
		t.Fatalf("the claim is %s", phase)
	}

	again := n.serveAgain(target)
	n.eventually("the files are found again", func() error {
		got, err := n.get(again, "kept")
		if err == nil && got != "content" {
			err = fmt.Errorf("got %q", got)
		}
		return err
	})
}

// serveAgain applies the FileServer anew, and returns what the users' new
// credentials say.
func (n *space) serveAgain(before clients.Target) clients.Target {
	n.t.Helper()
	n.apply("{apiVersion: fileserver.dev/v1alpha1, kind: FileServer, metadata: {name: files}}")
	n.waitReady("fileserver/files", "fileserveruser/alice", "fileserveruser/bob")
	return n.target(before.KeyFile)
}

func TestAChangedUserCountsAtOnce(t *testing.T) {
	t.Parallel()
	n := newSpace(t)
	target := n.serve("{}")
	n.put(target, "kept", "content")
	start := time.Now()
	n.kubectl("patch", "fileserveruser", "alice", "--type=merge", "-p", `{"spec":{"state":"Suspended"}}`)
	n.eventually("a suspended user is refused", func() error {
		if _, err := n.get(target, "kept"); err == nil {
			return errors.New("logged in")
		}
		return nil
	})
	t.Logf("a suspended user was refused %s after the change", time.Since(start).Round(100*time.Millisecond))
	reason := func(want string) {
		n.kubectl("wait", "fileserveruser/alice", `--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=`+want, "--timeout=2m")
	}
	reason("Suspended")
	n.kubectl("patch", "fileserveruser", "alice", "--type=merge", "-p", `{"spec":{"state":"Active"}}`)
	// Who tries again and again meanwhile is banned in the end.
	reason("Loaded")
	n.works(target, "kept", "content")
}
