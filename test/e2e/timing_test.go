//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"
)

// TestFromApplyToTheFirstTransfer measures what a newcomer waits for: `kubectl
// apply` of a FileServer and a user, with the image on the nodes, until a client
// outside has stored a file. A claim is bound and a balancer's address is
// allocated on the way. The client tries again every 0.2 s, so a time is at most
// that, and one attempt, too long.
func TestFromApplyToTheFirstTransfer(t *testing.T) {
	n := newSpace(t)
	n.apply("{apiVersion: v1, kind: Secret, metadata: {name: known}, stringData: {password: apply-to-first-transfer}}")
	file := n.file("first", "content")
	var times []time.Duration
	for i := range 10 {
		name := fmt.Sprintf("first-%d", i)
		start := time.Now()
		n.apply(fmt.Sprintf(`
apiVersion: fileserver.dev/v1alpha1
kind: FileServer
metadata: {name: %[1]s}
---
apiVersion: fileserver.dev/v1alpha1
kind: FileServerUser
metadata: {name: %[1]s}
spec: {serverRef: {name: %[1]s}, password: {secretRef: {name: known}}}
`, name))
		n.kubectl("wait", "fileserver/"+name, "--for=jsonpath={.status.address}", "--timeout=2m")
		address := n.kubectl("get", "fileserver", name, "-o", "jsonpath={.status.address}")
		n.eventually("the first transfer", func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			out, err := kube.Client(ctx, "curl", "-sS", "--connect-timeout", "1", "--ssl-reqd", "--insecure",
				"--user", name+":apply-to-first-transfer", "-T", file, "ftp://"+address+"/first").CombinedOutput()
			if err != nil {
				return fmt.Errorf("curl: %w: %s", err, out)
			}
			return nil
		})
		times = append(times, time.Since(start))
		n.kubectl("delete", "fileserver", name, "--wait=false")
	}
	slices.Sort(times)
	t.Logf("times: %v", times)
	fmt.Printf("apply-to-first-transfer median=%.1fs worst=%.1fs goal=5s\n",
		(times[4]+times[5]).Seconds()/2, times[9].Seconds())
}

// TestAServiceOfFiveThousandPassivePorts measures how long a wide range takes to
// be reached to its end. A pod listens on a passive port only while it awaits a
// client there, and chooses one at random, so that a certain port of 5,000 would
// hardly ever be told. The range is therefore cut such that the second pod owns
// its last port alone: whoever that pod serves is told that port. Measured is
// the time from apply to the first of ten uploads in a row through it, by
// whichever node the balancer chose for each.
func TestAServiceOfFiveThousandPassivePorts(t *testing.T) {
	n := newSpace(t)
	start := time.Now()
	target := n.serve("{replicas: 2, passive: {ports: {first: 50000, last: 54999}, portsPerPod: 4999}, " + spread + "}")
	file := n.file("wide", "content")
	var since time.Time
	inARow := 0
	n.eventually("ten uploads in a row through port 54999", func() error {
		began := time.Now()
		port, err := n.uploadedThrough(target.Host, target.User, target.Password, file)
		switch {
		case port == "54999" && err == nil:
			if inARow == 0 {
				since = began
			}
			inARow++
		case err != nil:
			inARow = 0
		}
		if inARow < 10 {
			return errors.Join(err, fmt.Errorf("%d so far, the last one through port %s", inARow, port))
		}
		return nil
	})
	fmt.Printf("service-ports 5000 reachable=%.1fs\n", since.Sub(start).Seconds())
	if ports := n.kubectl("get", "service", "files", "-o", "jsonpath={.spec.ports[*].port}"); !regexp.MustCompile(`\b50000 .* 54999\b`).MatchString(ports) {
		t.Errorf("the Service has the ports %s", ports)
	}
	n.hasCondition("WideRange", "True", "ServiceLinks")
}

var toldPort = regexp.MustCompile(`\(\|\|\|(\d+)\|\)`)

// uploadedThrough uploads a file over FTP and returns the port of the data
// connection, which is "" if none was told.
func (n *space) uploadedThrough(host, user, password, file string) (string, error) {
	ctx, cancel := context.WithTimeout(n.t.Context(), 10*time.Second)
	defer cancel()
	out, err := kube.Client(ctx, "curl", "-sSv", "--connect-timeout", "2", "--ssl-reqd", "--insecure",
		"--user", user+":"+password, "-T", file, "ftp://"+host+"/wide").CombinedOutput()
	port := ""
	if m := toldPort.FindSubmatch(out); m != nil {
		port = string(m[1])
	}
	if err != nil {
		return port, fmt.Errorf("curl: %w: %.300s", err, out)
	}
	return port, nil
}

// hasCondition waits until the FileServer has a condition with that status and
// reason.
func (n *space) hasCondition(kind, status, reason string) {
	n.t.Helper()
	n.eventually("the condition "+kind, func() error {
		got := n.kubectl("get", "fileserver", "files", "-o", `jsonpath={range .status.conditions[?(@.type=="`+kind+`")]}{.status} {.reason}{end}`)
		if want := status + " " + reason; got != want {
			return fmt.Errorf("it is %q, want %q", got, want)
		}
		return nil
	})
}
