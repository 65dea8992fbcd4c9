//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
	"github.com/fileserver-dev/fileserver-operator/test/operator"
)

// TestAKilledPodBreaksItsOwnSessionsAlone kills the server of one of two pods
// the hard way while sessions of both move files without pause.
func TestAKilledPodBreaksItsOwnSessionsAlone(t *testing.T) {
	insideOnly(t)
	n := newSpace(t)
	target := n.serve("{replicas: 2, " + spread + "}")
	n.settled(2)
	const victim = 0
	own := func(s *session) bool { return s.slot == victim }
	sessions := n.sessionsOfBothKinds(target, own)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	for _, s := range sessions {
		all.Go(func() {
			for ctx.Err() == nil && s.err == nil {
				s.err = s.put(t.Context(), 10*time.Second)
			}
		})
	}
	start := time.Now()
	n.kill(n.podOfSlot(victim))
	recovered := n.newSessionsSucceed(target, 2*time.Second)
	stop()
	all.Wait()
	reportRecovery(t, "kill", recovered.Sub(start), sessions, own)
}

// TestANodeThatIsCutOffBreaksItsOwnSessionsAlone takes a node off the network.
// Its own sessions are those that go through it: with a pod there, or by that
// node to a pod elsewhere, since the balancer lets connections in by any node.
// Kubernetes notices when the node has not renewed its lease for the grace
// period of the controller manager (40 s at least, and as it is by default).
// Until then clients who are sent there have to try again; afterwards nothing
// leads there. Half a minute later its pods are replaced.
func TestANodeThatIsCutOffBreaksItsOwnSessionsAlone(t *testing.T) {
	insideOnly(t)
	n := newSpace(t)
	// With active mode, STAT tells the address that the pod sees, which is a node's.
	target := n.serve(`{replicas: 2, activeMode: Allowed, drain: {timeout: 5s, acceptFor: 1s}, podTemplate: {topologySpreadConstraints: [
		{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Honor,
		labelSelector: {matchLabels: {fileserver.dev/server: files}}}]}, ` + spread + "}")
	n.settled(2)
	node := otherThanOperators(t)
	var there corev1.Node
	n.object(&there, "node", node)
	on := map[int]bool{}
	for slot := range 2 {
		on[slot] = n.podOfSlot(slot).Node == node
	}
	if on[0] == on[1] {
		t.Fatalf("by slot, pods are on %s: %v, want one of two", node, on)
	}
	own := func(s *session) bool {
		return on[s.slot] || slices.ContainsFunc(there.Status.Addresses, func(a corev1.NodeAddress) bool { return a.Address == s.seen })
	}
	sessions := n.sessionsOfBothKinds(target, own)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	start := time.Now()
	link(t, node, "down")
	defer func() {
		link(t, node, "up")
		n.kubectl("wait", "--for=condition=Ready", "node/"+node, "--timeout=2m")
		n.settled(2)
	}()
	var all sync.WaitGroup
	for _, s := range sessions {
		all.Go(func() {
			for again := time.Tick(time.Second); ctx.Err() == nil && s.err == nil; <-again {
				s.err = s.noop(15 * time.Second)
			}
		})
	}
	recovered := n.newSessionsSucceed(target, 3*time.Second)
	stop()
	all.Wait()
	for _, s := range sessions {
		if s.err == nil {
			s.err = s.put(t.Context(), 10*time.Second)
		}
	}
	reportRecovery(t, "node-cut", recovered.Sub(start), sessions, own)

	n.eventually("the pod of the cut node is replaced", func() error {
		ready := 0
		for _, p := range n.pods() {
			if p.Node != node && p.serves() {
				ready++
			}
		}
		if ready != 2 {
			return fmt.Errorf("%d pods are ready elsewhere, want 2", ready)
		}
		return nil
	})
	fmt.Printf("recovery node-cut replaced=%.1fs\n", time.Since(start).Seconds())
}

// insideOnly skips a test that has to reach into nodes.
func insideOnly(t *testing.T) {
	if !kube.Local() {
		t.Skip("the nodes of this cluster cannot be reached into")
	}
}

// link sets a node's link to the rest of the world up or down.
func link(t *testing.T, node, state string) {
	t.Helper()
	// Not the test's context: it is over when the link has to be set up again.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if out, err := kube.On(ctx, "router", "ip", "link", "set", node, state).CombinedOutput(); err != nil {
		t.Errorf("setting the link of %s %s: %v: %s", node, state, err, out)
	}
}

// otherThanOperators is a node on which the operator does not run.
func otherThanOperators(t *testing.T) string {
	t.Helper()
	where, err := kube.Kubectl(t.Context(), "-n", operator.Namespace, "get", "pods", "-o", "jsonpath={.items[*].spec.nodeName}")
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"node1", "node0"} {
		if !strings.Contains(where, node) {
			return node
		}
	}
	t.Fatalf("the operator is everywhere: %s", where)
	return ""
}

// sessionsOfBothKinds opens sessions until there are five that an event should
// break, and five that it should not.
func (n *space) sessionsOfBothKinds(target clients.Target, own func(*session) bool) []*session {
	n.t.Helper()
	var sessions []*session
	count := map[bool]int{}
	for min(count[true], count[false]) < 5 {
		if len(sessions) == 100 {
			n.t.Fatalf("of 100 sessions, %d are to break; want 5 that are, and 5 that are not", count[true])
		}
		s, err := newSession(n.t.Context(), target, fmt.Sprintf("held-%d", len(sessions)), 20*time.Second)
		if err != nil {
			n.t.Fatal(err)
		}
		n.t.Cleanup(func() { s.conn.Close() })
		sessions = append(sessions, s)
		count[own(s)]++
	}
	return sessions
}

// newSessionsSucceed waits until twenty new sessions in a row have moved a file,
// and returns when the first of them began.
func (n *space) newSessionsSucceed(target clients.Target, patience time.Duration) time.Time {
	n.t.Helper()
	var since time.Time
	n.eventually("new sessions succeed", func() error {
		since = time.Now()
		for range 20 {
			s, err := newSession(n.t.Context(), target, "new", patience)
			if err != nil {
				return err
			}
			s.conn.Close()
		}
		return nil
	})
	return since
}

// reportRecovery prints what an event broke, which has to be its own sessions,
// all of them and no others.
func reportRecovery(t *testing.T, event string, after time.Duration, sessions []*session, own func(*session) bool) {
	t.Helper()
	broken := 0
	for _, s := range sessions {
		if s.err != nil {
			broken++
		}
		if own(s) != (s.err != nil) {
			t.Errorf("%s: the session of %s in slot %d, seen as %s: broken by %v, want broken: %t", event, s.name, s.slot, s.seen, s.err, own(s))
		}
	}
	fmt.Printf("recovery %s time=%.1fs broken=%d/%d sessions\n", event, after.Seconds(), broken, len(sessions))
}
