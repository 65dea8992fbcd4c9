// Package operator installs the operator into a cluster and makes file servers
// with it, the way that its users do: through Helm and kubectl.
package operator

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
	"github.com/fileserver-dev/fileserver-operator/test/cluster"
)

// Names of the Helm release.
const (
	Namespace = "fileserver-system"
	Release   = "fileserver-operator"
)

// Images as `make images` writes them.
var (
	managerImage = env("MANAGER_IMAGE", "fileserver.dev/manager:dev")
	serverImage  = env("SERVER_IMAGE", "fileserver.dev/fileserver:dev")
)

func env(name, byDefault string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return byDefault
}

// Install loads the images of this checkout and installs, or upgrades, the
// chart of this checkout with Helm. It returns when the operator is ready.
func Install(ctx context.Context, c *cluster.Cluster) error {
	root := cluster.Root()
	archives := []string{filepath.Join(root, "dist", "manager.tar"), filepath.Join(root, "dist", "fileserver.tar")}
	for _, a := range archives {
		if _, err := os.Stat(a); err != nil {
			return fmt.Errorf("an image is missing: %w; run `make images`", err)
		}
	}
	if err := c.Load(ctx, archives...); err != nil {
		return fmt.Errorf("loading the images: %w", err)
	}
	helm := env("HELM", "helm")
	args := []string{
		"upgrade", "--install", Release, filepath.Join(root, "charts", "fileserver-operator"),
		"--kubeconfig", c.Kubeconfig, "--namespace", Namespace, "--create-namespace", "--wait", "--timeout", "3m",
	}
	args = append(args, imageValues("image", managerImage)...)
	args = append(args, imageValues("serverImage", serverImage)...)
	cmd := exec.CommandContext(ctx, helm, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("installing with Helm: %w\n%s", err, out)
	}
	// The tag of an image of this checkout stays the same while its content
	// changes, so a running operator is started anew.
	if _, err := c.Kubectl(ctx, "-n", Namespace, "rollout", "restart", "deployment"); err != nil {
		return err
	}
	_, err := c.Kubectl(ctx, "-n", Namespace, "rollout", "status", "deployment", "--timeout=3m")
	return err
}

// imageValues are the chart's values for an image.
func imageValues(value, image string) []string {
	repository, tag, _ := strings.Cut(image, ":")
	return []string{"--set", value + ".repository=" + repository, "--set", value + ".tag=" + tag}
}

// MakeNamespace makes a namespace in which pods must satisfy Pod Security
// "restricted", and waits until pods can be made in it.
func MakeNamespace(ctx context.Context, c *cluster.Cluster, name string) error {
	manifest := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": %q,
		"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}`, name)
	if _, err := c.KubectlIn(ctx, manifest, "apply", "-f", "-"); err != nil {
		return err
	}
	return Until(ctx, func() error {
		_, err := c.Kubectl(ctx, "-n", name, "get", "serviceaccount", "default")
		return err
	})
}

// WaitReady waits until an object of the operator, as in "fileserver/demo", is
// Ready. An error has what the object says of itself.
func WaitReady(ctx context.Context, c *cluster.Cluster, namespace, object string, timeout time.Duration) error {
	_, err := c.Kubectl(ctx, "-n", namespace, "wait", "--for=condition=Ready", object, "--timeout="+timeout.String())
	if err != nil {
		status, _ := c.Kubectl(ctx, "-n", namespace, "get", object, "-o", "jsonpath={.status.conditions}")
		pods, _ := c.Kubectl(ctx, "-n", namespace, "get", "pods,services,events")
		return fmt.Errorf("%w\n%s\n%s", err, status, pods)
	}
	return nil
}

// Target finds out how to reach a file server, from its status and from the
// credentials of a user with a password, and waits until it answers. keyUser, who logs in with the private
// key in keyFile, may be "".
func Target(ctx context.Context, c *cluster.Cluster, namespace, server, user, keyUser, keyFile, dir string) (clients.Target, error) {
	t := clients.Target{KeyUser: keyUser, KeyFile: keyFile}
	var status struct {
		Endpoints []struct {
			Name, Address string
			Port          int
		}
	}
	if err := get(ctx, c, namespace, "fileserver/"+server, "{.status}", &status); err != nil {
		return t, err
	}
	for _, e := range status.Endpoints {
		t.Host = e.Address
		switch e.Name {
		case "ftp":
			t.FTP = e.Port
		case "ftps":
			t.FTPS = e.Port
		case "sftp":
			t.SFTP = e.Port
		}
	}
	var data map[string]string
	if err := get(ctx, c, namespace, "secret/"+user+"-credentials", "{.data}", &data); err != nil {
		return t, err
	}
	plain := func(key string) string {
		b, _ := base64.StdEncoding.DecodeString(data[key])
		return string(b)
	}
	t.User, t.Password = plain("username"), plain("password")
	t.CAFile, t.KnownHosts = filepath.Join(dir, server+"-ca.crt"), filepath.Join(dir, server+"-known_hosts")
	for name, content := range map[string]string{t.CAFile: plain("ca.crt"), t.KnownHosts: plain("known_hosts")} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			return t, err
		}
	}
	if t.Host == "" || t.Password == "" {
		return t, fmt.Errorf("fileserver %s has no endpoint, or user %s no password: %+v", server, user, status)
	}
	return t, WaitAnswering(ctx, c, t)
}

func get(ctx context.Context, c *cluster.Cluster, namespace, object, path string, into any) error {
	out, err := c.Kubectl(ctx, "-n", namespace, "get", object, "-o", "jsonpath="+path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		return fmt.Errorf("%s of %s: %w: %q", path, object, err, out)
	}
	return nil
}

// MakeKey makes an SSH key pair in dir, and returns the path of the private one
// and the public one's line.
func MakeKey(ctx context.Context, dir string) (file, public string, err error) {
	file = filepath.Join(dir, "id_ed25519")
	if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "demo", "-f", file).CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("making a key: %w: %s", err, out)
	}
	b, err := os.ReadFile(file + ".pub")
	return file, strings.TrimSpace(string(b)), err
}

// WaitAnswering waits until every port of the target takes connections, and one
// of its passive ports too. A FileServer is Ready when its pods and its address are;
// the nodes and the balancer learn of that within a second or so, of each Service
// for itself.
func WaitAnswering(ctx context.Context, c *cluster.Cluster, t clients.Target) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, port := range []int{t.FTP, t.FTPS, t.SFTP} {
		if port == 0 {
			continue
		}
		err := Until(ctx, func() error {
			dial := fmt.Sprintf("exec 3<>/dev/tcp/%s/%d", t.Host, port)
			if out, err := c.Client(ctx, "timeout", "5", "bash", "-c", dial).CombinedOutput(); err != nil {
				return fmt.Errorf("connecting to port %d: %w: %s", port, err, out)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return waitPassive(ctx, c, t)
}

// How curl ends when it cannot connect, and when that takes too long.
const (
	curlRefused  = 7
	curlTimedOut = 28
)

// waitPassive waits until a listing comes, or anything but a data connection
// that is not made is in its way.
func waitPassive(ctx context.Context, c *cluster.Cluster, t clients.Target) error {
	url := "ftps://" + net.JoinHostPort(t.Host, strconv.Itoa(t.FTPS))
	switch {
	case t.FTPS == 0 && t.FTP == 0 || t.Password == "":
		return nil
	case t.FTPS == 0:
		url = "ftp://" + net.JoinHostPort(t.Host, strconv.Itoa(t.FTP))
	}
	return Until(ctx, func() error {
		out, err := c.Client(ctx, "curl", "-sS", "--insecure", "--ssl", "--connect-timeout", "5", "--max-time", "10",
			"--user", t.User+":"+t.Password, url+"/").CombinedOutput()
		if exit := new(exec.ExitError); errors.As(err, &exit) && (exit.ExitCode() == curlRefused || exit.ExitCode() == curlTimedOut) {
			return fmt.Errorf("listing: %w: %s", err, out)
		}
		return nil
	})
}

// Until calls f until it finds nothing wrong, or ctx ends.
func Until(ctx context.Context, f func() error) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; waited until: %w", err, ctx.Err())
		case <-tick.C:
		}
	}
}
