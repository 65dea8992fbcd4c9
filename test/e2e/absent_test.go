//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/test/clients"
)

// TestPodsComeBackWithoutTheOperator lets happen to one of two pods what can
// happen at any time, while there is no operator. Meanwhile the other pod's
// sessions transfer.
func TestPodsComeBackWithoutTheOperator(t *testing.T) {
	n := newSpace(t)
	target := n.serve("{replicas: 1, " + spread + "}")
	first := n.pods()[0]
	l := n.startSessions(target, allKinds) // all on the first pod
	n.scale(2)
	n.scaleOperator(0)
	t.Cleanup(func() { n.scaleOperator(1) })

	for _, event := range []struct {
		name string
		do   func(pod)
		same bool // it is the same pod afterwards
	}{
		{"crash", n.kill, true},
		{"delete", func(p pod) { n.kubectl("delete", "pod", p.Name, "--wait=false") }, false},
		{"move", n.moveAway, false},
	} {
		before := n.other(first)
		start := time.Now()
		event.do(before)
		n.eventually(event.name+": new sessions use it again", func() error { return n.uploadTo(target, before.Passive) })
		fmt.Printf("operator-absent %s recovered=%.1fs\n", event.name, time.Since(start).Seconds())
		n.eventually(event.name+": two pods serve, and no others are there", func() error {
			if pods := n.pods(); len(pods) != 2 || serving(pods) != 2 {
				return fmt.Errorf("there are %+v", pods)
			}
			return nil
		})
		switch after := n.other(first); {
		case event.same && (after.UID != before.UID || after.Restarts != before.Restarts+1):
			t.Errorf("%s: the pod was %+v, and then %+v", event.name, before, after)
		case !event.same && after.UID == before.UID:
			t.Errorf("%s: the pod was not replaced", event.name)
		case event.name == "move" && after.Node == before.Node:
			t.Errorf("%s: the pod is on %s still", event.name, after.Node)
		}
	}
	r := l.finish()
	fmt.Printf("operator-absent other-pod %s\n", r)
	if !r.lossless() || r.Reconnected > 0 {
		t.Errorf("sessions on the other pod: %s", r)
	}
}

// other is the pod that is not that one.
func (n *space) other(than pod) pod {
	n.t.Helper()
	pods := n.pods()
	i := slices.IndexFunc(pods, func(p pod) bool { return p.UID != than.UID })
	if i < 0 {
		n.t.Fatalf("there is no other pod than %s", than.Name)
	}
	return pods[i]
}

// moveAway deletes a pod whose node takes no new ones.
func (n *space) moveAway(p pod) {
	n.t.Helper()
	n.kubectl("cordon", p.Node)
	n.t.Cleanup(func() { kube.Kubectl(context.Background(), "uncordon", p.Node) })
	n.kubectl("delete", "pod", p.Name, "--wait=false")
}

var extendedPassive = regexp.MustCompile(`229 .*\(\|\|\|(\d+)\|\)`)

// uploadTo uploads a file in a session of its own. It is an error if the session
// was with another pod than the one with those passive ports.
func (n *space) uploadTo(t clients.Target, passive string) error {
	ctx, cancel := context.WithTimeout(n.t.Context(), 30*time.Second)
	defer cancel()
	out, err := kube.Client(ctx, "curl", "-v", "-sS", "--connect-timeout", "5", "--cacert", t.CAFile, "--user", t.User+":"+t.Password,
		"-T", n.file("upload", "content"), "ftps://"+net.JoinHostPort(t.Host, strconv.Itoa(t.FTPS))+"/upload").CombinedOutput()
	if err != nil {
		return fmt.Errorf("curl: %w: %s", err, out)
	}
	told := extendedPassive.FindSubmatch(out)
	if told == nil {
		return fmt.Errorf("curl was told no passive port: %s", out)
	}
	port, _ := strconv.Atoi(string(told[1]))
	var slice config.PortRange
	if _, err := fmt.Sscanf(passive, "%d-%d", &slice.First, &slice.Last); err != nil {
		return fmt.Errorf("passive ports %q: %w", passive, err)
	}
	if !slice.Contains(port) {
		return fmt.Errorf("the session was with another pod, which told port %d and not one of %s", port, passive)
	}
	return nil
}
