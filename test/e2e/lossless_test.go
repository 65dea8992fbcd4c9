//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/test/clients"
	"github.com/fileserver-dev/fileserver-operator/test/cluster"
)

// nextImage is the server's image with another name, as of another release.
const nextImage = "fileserver.dev/fileserver:next"

func loadNextImage(ctx context.Context) error {
	root := cluster.Root()
	archive := filepath.Join(root, "dist", "fileserver-next.tar")
	image := exec.CommandContext(ctx, filepath.Join(root, "bin", "image"), "--out", archive, "--tag", nextImage,
		"--entrypoint", "/fileserver", "--label", "release=next", "--file", filepath.Join(root, "bin", "fileserver")+"=/fileserver")
	if out, err := image.CombinedOutput(); err != nil {
		return fmt.Errorf("writing the next image: %w: %s", err, out)
	}
	return kube.Load(ctx, archive)
}

// The ports after the change of ports. Clients know both.
const otherFTP, otherSFTP = 2121, 2222

// sessions is how many transfer while something happens.
const sessions = 40

// TestNoChangeCutsATransfer changes everything that can change while sessions
// of all kinds move small and large files without pause.
func TestNoChangeCutsATransfer(t *testing.T) {
	if err := loadNextImage(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := newSpace(t)
	target := n.serve("{replicas: 4, passive: {ports: {first: 50000, last: 50079}}, drain: {timeout: 1m}, " + spread + "}")
	n.settled(4)
	patch := func(spec string) func() {
		return func() { n.kubectl("patch", "fileserver", "files", "--type=merge", "-p", `{"spec":`+spec+`}`) }
	}
	for _, event := range []struct {
		name     string
		do       func()
		replicas int // afterwards
		least    int // pods that serve at any time
	}{
		{"image", patch(`{"image":"` + nextImage + `"}`), 4, 4},
		{"scale-down", patch(`{"replicas":1}`), 1, 1},
		{"scale-up", patch(`{"replicas":4}`), 4, 1},
		{"drain", n.drainNode, 4, 4},
		{"ports", patch(fmt.Sprintf(`{"protocols":{"ftp":{"port":%d},"ftps":{},"sftp":{"port":%d}},
			"passive":{"ports":{"first":51000,"last":51079}}}`, otherFTP, otherSFTP)), 4, 4},
		{"operator-killed", n.killOperatorInRollout, 4, 4},
	} {
		l := n.startSessions(target, allKinds)
		served := n.watchServing()
		event.do()
		n.settled(event.replicas)
		r := l.finish()
		fmt.Printf("lossless %s %s\n", event.name, r)
		if !r.lossless() {
			t.Errorf("%s: %s", event.name, r)
		}
		if least := served(); least < event.least {
			t.Errorf("%s: at some time only %d pods served, want %d", event.name, least, event.least)
		}
	}
}

// TestADrainMovesPodsWithoutSlots drains a node under load where one Deployment
// has all pods, since there are no passive ports.
func TestADrainMovesPodsWithoutSlots(t *testing.T) {
	n := newSpace(t)
	target := n.serve("{replicas: 2, protocols: {sftp: {}}, drain: {timeout: 30s}, " + spread + "}")
	n.settled(2)
	n.eventually("both pods have served a session", func() error { return n.served(target) })
	l := n.startSessions(target, "sftp")
	served := n.watchServing()
	n.drainNode()
	n.settled(2)
	r := l.finish()
	fmt.Printf("lossless drain-sftp-alone %s\n", r)
	if least := served(); !r.lossless() || least < 2 || r.Reconnected == 0 {
		t.Errorf("at some time only %d pods served; %s", least, r)
	}
}

const allKinds = "ftp-epsv,ftp-pasv,ftps-epsv,ftps-pasv,sftp"

// startSessions has sessions of some kinds transfer, and waits until they do.
func (n *space) startSessions(target clients.Target, kinds string) *load {
	n.t.Helper()
	l := startLoad(n.t.Context(), n.t, target, "-sessions", strconv.Itoa(sessions), "-connect-for", "20s",
		"-ftp", fmt.Sprintf("%d,%d", target.FTP, otherFTP), "-sftp", fmt.Sprintf("%d,%d", target.SFTP, otherSFTP),
		"-kinds", kinds, "-size", strconv.Itoa(32<<10), "-large", strconv.Itoa(8<<20))
	n.eventually("all sessions have begun", func() error {
		begun, err := n.sessions()
		if err == nil && begun != sessions {
			err = fmt.Errorf("there are %d, want %d", begun, sessions)
		}
		return err
	})
	return l
}

// sessions are how many the pods say that they serve.
func (n *space) sessions() (sum int, err error) {
	for _, p := range n.pods() {
		out, err := kube.Kubectl(n.t.Context(), "get", "--raw",
			fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:%d/proxy%s", n.name, p.Name, config.PortHTTP, config.PathConfig))
		if err != nil {
			return 0, err
		}
		var loaded config.Loaded
		if err := json.Unmarshal([]byte(out), &loaded); err != nil {
			return 0, err
		}
		sum += loaded.Sessions
	}
	return sum, nil
}

// drainNode drains a node that has pods: the one on which the operator runs, if
// that has any, so that it has to move as well.
func (n *space) drainNode() {
	n.t.Helper()
	node := n.operatorPods()[0].Node
	if pods := n.pods(); !slices.ContainsFunc(pods, func(p pod) bool { return p.Node == node }) {
		node = pods[0].Node
	}
	defer n.kubectl("uncordon", node)
	n.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout="+deadline.String())
	for _, p := range n.pods() {
		if p.Node == node {
			n.t.Errorf("the pod %s is still on the drained node", p.Name)
		}
	}
}

// killOperatorInRollout kills the operator when some pods have been replaced
// and some have not, and keeps it away for a minute.
func (n *space) killOperatorInRollout() {
	n.t.Helper()
	halfway := func() error {
		images := map[string]int{}
		for _, p := range n.pods() {
			if p.serves() {
				images[p.Image]++
			}
		}
		if len(images) != 2 {
			return fmt.Errorf("of each image, so many pods serve: %v", images)
		}
		return nil
	}
	n.kubectl("patch", "fileserver", "files", "--type=merge", "-p", `{"spec":{"image":null}}`)
	n.eventually("some pods have been replaced", halfway)
	n.killOperator()
	defer n.scaleOperator(1)
	n.throughout(time.Minute, func() error {
		return errors.Join(n.operatorAway(), halfway())
	})
}

// served makes some sessions of SFTP, and returns an error while there is a pod
// that has served none: nodes do not know of a new pod at once.
func (n *space) served(target clients.Target) error {
	startLoad(n.t.Context(), n.t, target, "-sessions", "4", "-transfers", "1", "-size", "1024", "-kinds", "sftp").wait()
	for _, p := range n.pods() {
		if !strings.Contains(n.kubectl("logs", p.Name), `"event":"session-end"`) {
			return fmt.Errorf("%s has served none", p.Name)
		}
	}
	return nil
}
