package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// activities are what pods tell, by their names.
type activities map[string][]config.UserActivity

func (a activities) Activity(_ context.Context, pod *corev1.Pod) (config.Activity, error) {
	users, ok := a[pod.Name]
	if !ok {
		return config.Activity{}, errors.New("connection refused")
	}
	return config.Activity{Users: users}, nil
}

// passing is a clock that a test sets.
type passing struct{ time.Time }

func (p *passing) Now() time.Time                  { return p.Time }
func (p *passing) Since(t time.Time) time.Duration { return p.Sub(t) }

// counting counts the patches of statuses.
type counting struct {
	client.Client
	patches int
}

func (c *counting) Status() client.SubResourceWriter { c.patches++; return c.Client.Status() }

func TestWhatUsersDoIsInTheirStatusWrittenSparingly(t *testing.T) {
	t.Parallel()
	ns := bareNamespace(t)
	create(t, user(ns, "alice", "files"), user(ns, "idle", "files"), user(ns, "elsewhere", "others"), user(ns, "nobody", "files"))
	for _, name := range []string{"alice", "idle", "elsewhere"} { // nobody has no account
		u := get(t, ns, name, &v1alpha1.FileServerUser{})
		u.Status.Binding = &v1alpha1.Binding{Name: name}
		if err := api.Status().Update(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"one", "two", "pending"} {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Labels: map[string]string{v1alpha1.LabelServer: "files"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
		}
		create(t, pod)
		if name != "pending" {
			pod.Status.Phase, pod.Status.PodIP = corev1.PodRunning, "198.18.0.1"
			pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}}
			if err := api.Status().Update(t.Context(), pod); err != nil {
				t.Fatal(err)
			}
		}
	}
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	clock, told := &passing{at}, activities{}
	counted := &counting{Client: client.NewNamespacedClient(api, ns)}
	watch := &controllers.ActivityWatch{Client: counted, Pods: told, Clock: clock}
	look := func(step string, patches int, login, upload time.Time, sessions *int32) {
		t.Helper()
		counted.patches = 0
		if err := watch.Look(t.Context()); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		status := get(t, ns, "alice", &v1alpha1.FileServerUser{}).Status
		got := fmt.Sprint(shown(status.LastLogin), shown(status.LastUpload), ptr.Deref(status.Sessions, -1))
		if want := fmt.Sprint(login.UTC(), upload.UTC(), ptr.Deref(sessions, -1)); got != want || counted.patches != patches {
			t.Errorf("%s: %s with %d patches, want %s with %d", step, got, counted.patches, want, patches)
		}
		for _, name := range []string{"idle", "elsewhere", "nobody"} {
			if other := get(t, ns, name, &v1alpha1.FileServerUser{}).Status; other.LastLogin != nil || other.Sessions != nil {
				t.Errorf("%s: %s has %+v", step, name, other)
			}
		}
	}
	var never time.Time
	told["one"], told["two"] = nil, nil
	look("nobody has logged in", 0, never, never, nil)
	told["one"] = []config.UserActivity{{Name: "alice", LastLogin: at, Sessions: 1}, {Name: "nobody", LastLogin: at, Sessions: 1}}
	told["two"] = []config.UserActivity{{Name: "alice", LastLogin: at.Add(-time.Hour), LastUpload: at.Add(-time.Minute), Sessions: 2}}
	look("two pods know alice", 1, at, at.Add(-time.Minute), ptr.To[int32](3))
	told["one"] = []config.UserActivity{{Name: "alice", LastLogin: at.Add(5 * time.Minute), Sessions: 1}}
	clock.Time = at.Add(14 * time.Minute)
	look("it was written a moment ago", 0, at, at.Add(-time.Minute), ptr.To[int32](3))
	clock.Time = at.Add(15 * time.Minute)
	delete(told, "two")
	look("a pod is silent, which may have more sessions", 1, at.Add(5*time.Minute), at.Add(-time.Minute), ptr.To[int32](3))
	clock.Time = at.Add(30 * time.Minute)
	told["one"], told["two"] = nil, nil
	look("all pods are new", 1, at.Add(5*time.Minute), at.Add(-time.Minute), ptr.To[int32](0))
	clock.Time = at.Add(time.Hour)
	look("nothing is new", 0, at.Add(5*time.Minute), at.Add(-time.Minute), ptr.To[int32](0))
}

func shown(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}.UTC()
	}
	return t.UTC()
}
