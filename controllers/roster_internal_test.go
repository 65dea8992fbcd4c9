package controllers

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func person(n int) *v1alpha1.FileServerUser {
	u := &v1alpha1.FileServerUser{}
	u.Name, u.UID = fmt.Sprintf("partner-%05d", n), types.UID(strconv.Itoa(n))
	u.CreationTimestamp = metav1.NewTime(time.Unix(int64(n), 0))
	return u
}

// enterAll has so many users in a roster, each with an account of so many bytes.
func enterAll(t testing.TB, r *roster, count, bytes int) {
	t.Helper()
	for n := range count {
		u := person(n)
		r.enter(u)
		state := r.users[u.Name]
		state.account = config.User{Name: u.Name, Home: u.Name, Access: config.AccessReadWrite, PasswordHash: string(make([]byte, bytes))}
		entry, err := resources.NewEntry(&state.account, &resources.Origin{User: u.UID})
		if err != nil {
			t.Fatal(err)
		}
		state.entry, state.hash = &entry, entry.Hash()
	}
	r.sort()
}

func TestTheOldestUsersHaveTheRoomAndTheNameThatOthersWant(t *testing.T) {
	t.Parallel()
	r := newRoster()
	enterAll(t, r, 10, resources.ShardBytes/8/6) // of zeros, each of which is six bytes of JSON
	in, out := r.fit(r.shard("files", 0, resources.OneShard))
	if len(in) != 7 || len(out) != 3 || in[0].login != "partner-00000" || out[0].login != "partner-00007" {
		t.Errorf("%d fit and %d do not, of whom the first is %s", len(in), len(out), out[0].login)
	}
	young := person(99)
	young.Spec.Username = "partner-00003"
	r.enter(young)
	r.sort()
	if got := r.users[young.Name].holder; got != "partner-00003" {
		t.Errorf("the name of the younger one is held by %q", got)
	}
	r.begin()
	r.remove("partner-00003")
	r.sort()
	if u := r.users[young.Name]; u.holder != "" || !u.fresh || len(r.byAge) != 10 {
		t.Errorf("when the older one is gone, the younger one is %+v, of %d", u, len(r.byAge))
	}
}

func TestAChangeSoilsTheShardsOfThatUserAlone(t *testing.T) {
	t.Parallel()
	r := newRoster()
	enterAll(t, r, 100, 8)
	for _, of := range []int{resources.OneShard, resources.ManyShards} {
		for i := range of {
			r.shard("files", i, of).dirty = false
		}
	}
	u := r.users["partner-00042"]
	r.soil(u)
	dirty := 0
	for _, s := range r.shards {
		if s.dirty {
			dirty++
		}
	}
	if in := u.key.In(resources.ManyShards); dirty != 2 || !r.shard("files", in, resources.ManyShards).dirty {
		t.Errorf("%d shards are rendered again, want one of each number", dirty)
	}
}

// BenchmarkAPassOverTenThousandUsers is what users cost a pass in which none has
// changed, on a server of two pods. It asks the API server for nothing.
func BenchmarkAPassOverTenThousandUsers(b *testing.B) {
	p := &pass{FileServerReconciler: &FileServerReconciler{memory: newMemory(), changes: newChanges(), Clock: clock.RealClock{}}}
	p.server.FileServer = &v1alpha1.FileServer{}
	p.server.Name, p.server.UserShards = "files", resources.ManyShards
	r := p.mem().roster
	enterAll(b, r, 10_000, 8)
	r.whole, r.memory, r.edited = true, p.server.HashMemory(), false
	loaded := config.Loaded{Users: map[string]string{}}
	for i := range resources.ManyShards {
		s := r.shard("files", i, resources.ManyShards)
		in, _ := r.fit(s)
		s.remember(strconv.Itoa(i), in)
		s.exists, s.dirty, s.all = true, false, true
		loaded.Users[config.UsersFileOf(i, resources.ManyShards)] = s.file
	}
	for n := range 2 {
		pod := corev1.Pod{}
		pod.UID = types.UID(strconv.Itoa(n))
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		pod.Spec.Volumes = []corev1.Volume{{Name: config.VolumeUsers}}
		pod.Spec.Volumes[0].Projected = &corev1.ProjectedVolumeSource{Sources: make([]corev1.VolumeProjection, resources.ManyShards)}
		p.pods = append(p.pods, pod)
		p.mem().pods[pod.UID] = podMemory{asked: true, loaded: loaded}
	}
	looked := func() {
		for _, u := range r.byAge {
			u.fresh = false
		}
		if err := p.writeUserStatuses(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	for _, u := range r.byAge {
		u.said = says(p.servingPods(), p.ofAll(p.servingPods()), u, time.Now())
	}
	for b.Loop() {
		if _, err := p.findUsers(context.Background()); err != nil {
			b.Fatal(err)
		}
		p.users = r.byAge
		p.chooseShards(r)
		for _, at := range []stage{early, inTime} {
			if err := p.putUsers(context.Background(), r, at); err != nil {
				b.Fatal(err)
			}
		}
		p.putCredentials(context.Background(), resources.Login{}, false)
		p.draw(context.Background())
		looked()
	}
}
