package scale

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

const (
	// envUsers is how many users one server has; default fewUsers, with so many keys
	// each that they are in many shards all the same.
	envUsers = "SCALE_USERS"
	fewUsers = 200
	// secondsEach is how much of a processor it may take, with all that stands in for
	// the rest of a cluster, and with the race detector.
	secondsEach = 0.5
)

func userOf(n int) *v1alpha1.FileServerUser {
	u := &v1alpha1.FileServerUser{}
	u.Namespace, u.Name = corev1.NamespaceDefault, fmt.Sprintf("partner-%05d", n)
	u.Spec.ServerRef.Name = "files"
	return u
}

// crowd makes a server of two pods with many users. The users come first, so that its
// first pods have them in as many shards as it takes.
func crowd(t *testing.T, api client.Client, count int) {
	t.Helper()
	keys := &corev1.ConfigMap{}
	keys.Namespace, keys.Name = corev1.NamespaceDefault, "keys"
	keys.Data = map[string]string{"authorized_keys": strings.Repeat("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm8AP6O9MJY0UmrPIH5Y6tDsyX9bSYsMWcJsjF1wMUr\n", 20)}
	fs := &v1alpha1.FileServer{}
	fs.Namespace, fs.Name = corev1.NamespaceDefault, "files"
	two, size := int32(2), resource.MustParse("1Gi")
	fs.Spec.Replicas = &two
	fs.Spec.Storage.Claim = &v1alpha1.Claim{Size: &size, AccessModes: []v1alpha1.AccessMode{"ReadWriteMany"}}
	create := func(o client.Object) {
		if err := api.Create(t.Context(), o); err != nil {
			t.Fatalf("creating %s: %v", o.GetName(), err)
		}
	}
	create(keys)
	for n := range count {
		u := userOf(n)
		if count == fewUsers {
			u.Spec.AuthorizedKeysFrom = []v1alpha1.KeySource{{Name: keys.Name}}
		}
		create(u)
	}
	create(fs)
}

// reasonOf waits until a user's condition Ready has a reason, of the spec as it is.
func reasonOf(t *testing.T, api client.Client, u *v1alpha1.FileServerUser, reason string) {
	t.Helper()
	look(t, 100*time.Millisecond, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
			return err
		}
		c := meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionReady)
		if c == nil || c.Reason != reason || c.ObservedGeneration != u.Generation {
			return fmt.Errorf("Ready of %s is %+v, want %s", u.Name, c, reason)
		}
		return nil
	})
}

// processor is how long this process has computed.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestAChangeOfOneOfManyUsersTakesFewWritesAndLittleTime(t *testing.T) {
	count := fewUsers
	if text := os.Getenv(envUsers); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	e := start(t)
	api := e.Client
	requests := &Requests{}
	counted := rest.CopyConfig(e.Config)
	counted.Wrap(requests.Wrap)
	began := time.Now()
	crowd(t, api, count)
	t.Logf("%d users were created in %s", count, time.Since(began).Round(time.Second))
	began = time.Now()
	before := processor(t)
	operate(t, e, counted, 10*time.Hour)
	for n := range count {
		reasonOf(t, api, userOf(n), v1alpha1.ReasonLoaded)
	}
	t.Logf("they could log in after %s and %s of a processor", time.Since(began).Round(time.Second), (processor(t) - before).Round(time.Second))
	settle(t, requests)

	const changes = 10
	var took []time.Duration
	before = processor(t)
	beforePasses := passes(t)
	for n := range changes {
		u := userOf(n * count / changes)
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
			t.Fatal(err)
		}
		u.Spec.State = v1alpha1.UserSuspended
		at := time.Now()
		if err := api.Update(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		reasonOf(t, api, u, v1alpha1.ReasonSuspended)
		took = append(took, time.Since(at))
	}
	each := (processor(t) - before) / changes
	settle(t, nil)
	counts := requests.Take()
	slices.Sort(took)
	t.Logf("one of %d users is suspended in %s (the slowest of %d in %s), with %s of a processor in %.1f passes, and with these requests:\n%s",
		count, took[changes/2].Round(time.Millisecond), changes, took[changes-1].Round(time.Millisecond), each.Round(100*time.Microsecond),
		float64(passes(t)-beforePasses)/changes, counts.Table(changes))
	// How often pods are told again, and whether users are told that pods are slow, is a
	// matter of time: on a quiet machine it is two, and one, for each change.
	if counts["apply secrets"] != changes || counts["patch fileserverusers/status"] > 3*changes {
		t.Errorf("%d changes take %d writes of Secrets and %d of statuses", changes, counts["apply secrets"], counts["patch fileserverusers/status"])
	}
	for what, n := range counts {
		if !slices.Contains([]string{"apply secrets", "apply pods", "patch fileserverusers/status"}, what) {
			t.Errorf("%d changes take %d requests to %s", changes, n, what)
		}
	}
	if each.Seconds() > secondsEach {
		t.Errorf("a change takes %s of a processor", each)
	}
}

// settle waits until the operator asks for nothing any more.
func settle(t *testing.T, requests *Requests) {
	t.Helper()
	last, since := passes(t), time.Now()
	look(t, 100*time.Millisecond, func() error {
		if n := passes(t); n != last {
			last, since = n, time.Now()
		}
		if quiet := time.Since(since); quiet < 3*time.Second {
			return fmt.Errorf("the operator has looked %s ago", quiet)
		}
		return nil
	})
	if requests != nil {
		requests.Take()
	}
}
