//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
)

// envUsers is how many users TestOneOfManyUsers has besides; without it, it is left out.
const envUsers = "E2E_USERS"

// TestOneOfManyUsers measures, on a server of two pods, what one of many users waits
// for: a new one until logins succeed, and one who is suspended until they are refused.
func TestOneOfManyUsers(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv(envUsers))
	if err != nil {
		t.Skip("set " + envUsers + " to how many users the server has, as `make many-users` does")
	}
	const rounds = 20
	const goal = 2 * time.Second
	n := newSpace(t)
	target := n.serve(`{replicas: 2, ` + spread + `}`)
	n.apply("{apiVersion: v1, kind: Secret, metadata: {name: known}, stringData: {password: one-of-many-users}}")
	began := time.Now()
	n.createUsers(count)
	t.Logf("%d users were created in %s", count, time.Since(began).Round(time.Second))
	wait := time.Now().Add(15 * time.Minute)
	for {
		all := n.kubectl("get", "fileserver", "files", "-o", "jsonpath={.status.users}")
		last := n.kubectl("get", "fileserverusers", "-o", `jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].reason}{"\n"}{end}`)
		loaded := strings.Count(last, "Loaded")
		if all == strconv.Itoa(count+2) && loaded == count+2 {
			break
		}
		if time.Now().After(wait) {
			t.Fatalf("%s users are in the status, and %d are loaded", all, loaded)
		}
		<-time.After(2 * time.Second) // a list of them all costs the API server
	}
	t.Logf("all could log in after %s", time.Since(began).Round(time.Second))
	n.settled(2)

	var logIn, refused []time.Duration
	for i := range rounds {
		name := fmt.Sprintf("new-%d", i)
		who := target
		who.User, who.Password = name, "one-of-many-users"
		began := time.Now()
		n.apply(fmt.Sprintf("{apiVersion: fileserver.dev/v1alpha1, kind: FileServerUser, metadata: {name: %s}, spec: {serverRef: {name: files}, password: {secretRef: {name: known}}}}", name))
		logIn = append(logIn, n.since(began, who, true))
		began = time.Now()
		n.kubectl("patch", "fileserveruser", name, "--type=merge", "-p", `{"spec":{"state":"Suspended"}}`)
		refused = append(refused, n.since(began, who, false))
	}
	slices.Sort(logIn)
	slices.Sort(refused)
	p95 := rounds*95/100 - 1
	fmt.Printf("many-users n=%d new-user median=%v p95=%v suspended median=%v p95=%v pods-memory=%v\n", count,
		logIn[rounds/2].Round(time.Millisecond), logIn[p95].Round(time.Millisecond), refused[rounds/2].Round(time.Millisecond), refused[p95].Round(time.Millisecond), n.memory())
	if logIn[p95] > goal || refused[p95] > goal {
		t.Errorf("the goal is %s at p95", goal)
	}
}

// createUsers makes so many users with passwords that are generated.
func (n *space) createUsers(count int) {
	n.t.Helper()
	var group errgroup.Group
	group.SetLimit(4)
	const each = 250
	for first := 0; first < count; first += each {
		group.Go(func() error {
			var b strings.Builder
			for i := first; i < min(first+each, count); i++ {
				fmt.Fprintf(&b, "---\n{apiVersion: fileserver.dev/v1alpha1, kind: FileServerUser, metadata: {name: partner-%05d}, spec: {serverRef: {name: files}}}\n", i)
			}
			_, err := kube.KubectlIn(n.t.Context(), b.String(), "-n", n.name, "create", "-f", "-")
			return err
		})
	}
	if err := group.Wait(); err != nil {
		n.t.Fatal(err)
	}
}

// since is how long after a change the first of five logins in a row began that were as
// they should be: a balancer chooses a pod for each.
func (n *space) since(began time.Time, who clients.Target, want bool) (took time.Duration) {
	n.t.Helper()
	inARow := 0
	n.eventually(fmt.Sprintf("a login of %s succeeds: %t", who.User, want), func() error {
		for {
			at := time.Since(began)
			got, err := n.logsIn(who)
			if err != nil {
				return err
			}
			if got != want {
				inARow = 0
				return errors.New("not yet")
			}
			if inARow++; inARow == 1 {
				took = at
			}
			if inARow == 5 {
				return nil
			}
		}
	})
	return took
}

var resident = regexp.MustCompile(`(?m)^process_resident_memory_bytes (\S+)$`)

// memory is what each pod has, in MiB.
func (n *space) memory() (mib []string) {
	n.t.Helper()
	for _, p := range n.pods() {
		text := n.kubectl("get", "--raw", "/api/v1/namespaces/"+n.name+"/pods/"+p.Name+":9090/proxy/metrics")
		if m := resident.FindStringSubmatch(text); m != nil {
			bytes, _ := strconv.ParseFloat(m[1], 64)
			mib = append(mib, fmt.Sprintf("%.0fMiB", bytes/(1<<20)))
		}
	}
	return mib
}
