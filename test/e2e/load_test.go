//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
	"github.com/fileserver-dev/fileserver-operator/test/cluster"
)

// report is what test/load prints.
type report struct {
	Sessions, Transfers, Cut, Refused, Reconnected, Unreached int
	Errors                                                    []string
}

// loadProgram builds test/load once.
var loadProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(cluster.Root(), "bin", "load")
	cmd := exec.Command("go", "build", "-o", path, "./test/load")
	cmd.Dir = cluster.Root()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building test/load: %w: %s", err, out)
	}
	return path, nil
})

// load is a run of test/load where the clients are.
type load struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   bytes.Buffer
	stdin io.WriteCloser
}

// startLoad starts sessions that move files until finish, or until each has
// made the transfers that args ask for.
func startLoad(ctx context.Context, t *testing.T, target clients.Target, args ...string) *load {
	t.Helper()
	program, err := loadProgram()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{
		"-host", target.Host, "-ftp", fmt.Sprint(target.FTP), "-ftps", fmt.Sprint(target.FTPS), "-sftp", fmt.Sprint(target.SFTP),
		"-user", target.User,
	}, args...)
	l := &load{t: t, cmd: kube.Client(ctx, program, args...)}
	l.cmd.Env = append(os.Environ(), "PASSWORD="+target.Password)
	l.cmd.Stdout, l.cmd.Stderr = &l.out, os.Stderr
	if l.stdin, err = l.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return l
}

// wait returns the report of a load that ends by itself.
func (l *load) wait() report {
	l.t.Helper()
	if err := l.cmd.Wait(); err != nil {
		l.t.Fatalf("test/load: %v", err)
	}
	var r report
	if err := json.Unmarshal(l.out.Bytes(), &r); err != nil {
		l.t.Fatalf("test/load printed %q: %v", l.out.String(), err)
	}
	return r
}

// finish has the sessions end after the transfer that each is in.
func (l *load) finish() report {
	l.t.Helper()
	l.stdin.Close()
	return l.wait()
}

func (r report) lossless() bool {
	return r.Cut == 0 && r.Refused == 0 && r.Unreached == 0 && r.Transfers > 0
}

func (r report) String() string {
	s := fmt.Sprintf("transfers=%d cut=%d refused=%d reconnected=%d unreached=%d",
		r.Transfers, r.Cut, r.Refused, r.Reconnected, r.Unreached)
	if len(r.Errors) > 0 {
		s += "\n  " + strings.Join(r.Errors, "\n  ")
	}
	return s
}

// spread is storage for pods on several nodes.
const spread = `storage: {claim: {size: 1Gi, accessModes: [ReadWriteMany]}}`

// TestSessionsScaleOutBehindOneAddress has many clients use several pods, on
// two nodes, through one address. A data connection has to reach the pod that
// asked for it, every time.
func TestSessionsScaleOutBehindOneAddress(t *testing.T) {
	n := newSpace(t)
	target := n.serve("{replicas: 2, " + spread + "}")
	for _, replicas := range []int{2, 4} {
		n.scale(replicas)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		r := startLoad(ctx, t, target, "-sessions", "200", "-transfers", "20", "-size", "2048",
			"-kinds", "ftp-epsv,ftp-pasv,ftps-epsv,ftps-pasv").wait()
		cancel()
		fmt.Printf("scale-out replicas=%d sessions=%d %s\n", replicas, r.Sessions, r)
		if !r.lossless() {
			t.Errorf("%d replicas: %s", replicas, r)
		}
	}
}

// scale waits until so many pods are ready, and no others are there.
func (n *space) scale(replicas int) {
	n.t.Helper()
	n.kubectl("scale", "fileserver", "files", fmt.Sprintf("--replicas=%d", replicas))
	n.settled(replicas)
}

// settled waits until the FileServer is ready with so many pods, and no pod of
// before is left.
func (n *space) settled(replicas int) {
	n.t.Helper()
	n.eventually(fmt.Sprintf("%d pods are ready, and no others are there", replicas), func() error {
		got := n.kubectl("get", "fileserver", "files", "-o", `jsonpath={.status.readyReplicas} {.status.observedGeneration} {.metadata.generation} {.status.conditions[?(@.type=="Ready")].status}`)
		generation := n.kubectl("get", "fileserver", "files", "-o", "jsonpath={.metadata.generation}")
		if want := fmt.Sprintf("%d %s %s True", replicas, generation, generation); got != want {
			return fmt.Errorf("ready, observed, generation and Ready are %q, want %q", got, want)
		}
		if pods := strings.Fields(n.kubectl("get", "pods", "-o", "name")); len(pods) != replicas {
			return fmt.Errorf("there are %v", pods)
		}
		return nil
	})
}
