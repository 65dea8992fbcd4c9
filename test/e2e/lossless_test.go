//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/cluster"
	"github.com/fileserver-dev/fileserver-operator/test/operator"
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

// TestNoChangeCutsATransfer changes everything that can change while sessions
// of all kinds move files without pause.
func TestNoChangeCutsATransfer(t *testing.T) {
	if err := loadNextImage(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := newSpace(t)
	target := n.serve("{replicas: 2, drain: {timeout: 40s}, " + spread + "}")
	patch := func(spec string) {
		n.kubectl("patch", "fileserver", "files", "--type=merge", "-p", `{"spec":`+spec+`}`)
	}
	for _, event := range []struct {
		name     string
		do       func()
		replicas int
	}{
		{"image", func() { patch(`{"image":"` + nextImage + `"}`) }, 2},
		{"scale-up", func() { patch(`{"replicas":4}`) }, 4},
		{"scale-down", func() { patch(`{"replicas":1}`) }, 1},
		{"settings", func() { patch(`{"replicas":2,"sessions":{"max":500}}`) }, 2},
		{"operator-away", func() {
			n.operator("--replicas=0")
			defer n.operator("--replicas=1")
			patch(`{"podTemplate":{"labels":{"changed":"once"}}}`)
		}, 2},
	} {
		l := startLoad(t.Context(), t, target, "-sessions", "40", "-connect-for", "20s", "-size", "32768",
			"-kinds", "ftp-epsv,ftp-pasv,ftps-epsv,ftps-pasv,sftp")
		event.do()
		n.settled(event.replicas)
		r := l.finish()
		fmt.Printf("lossless %s %s\n", event.name, r)
		if !r.lossless() {
			t.Errorf("%s: %s", event.name, r)
		}
	}
}

// operator scales the operator itself and waits until that is done.
func (n *space) operator(replicas string) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, args := range [][]string{
		{"-n", operator.Namespace, "scale", "deployment", operator.Release, replicas},
		{"-n", operator.Namespace, "rollout", "status", "deployment", operator.Release},
	} {
		if _, err := kube.Kubectl(ctx, args...); err != nil {
			n.t.Fatal(err)
		}
	}
}
