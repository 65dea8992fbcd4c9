package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// ActivityReader asks a pod what users have done.
type ActivityReader interface {
	Activity(ctx context.Context, pod *corev1.Pod) (config.Activity, error)
}

const (
	// lookEvery is how often the pods are asked. No request to the API server follows from
	// that alone.
	lookEvery = time.Minute
	// writeEvery is how often the status of a user is written because of what the user
	// does, at most.
	writeEvery = 15 * time.Minute
	// writesAtOnce is how many statuses are written after one look, those first that have
	// waited longest: one a second on average, whatever users do.
	writesAtOnce = 60
)

// ActivityWatch writes into the status of users what they do. It works beside the
// reconciler: what users do changes nothing else.
type ActivityWatch struct {
	Client client.Client // reads from the cache
	Pods   ActivityReader
	Clock  clock.PassiveClock

	written map[types.UID]time.Time
}

// Start implements manager.Runnable.
func (w *ActivityWatch) Start(ctx context.Context) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := w.Look(ctx); err != nil && ctx.Err() == nil {
				log.FromContext(ctx).Error(err, "Writing what users do")
			}
		}
	}
}

// Look asks all pods, and writes what is new.
func (w *ActivityWatch) Look(ctx context.Context) error {
	var pods corev1.PodList
	if err := w.Client.List(ctx, &pods, client.HasLabels{v1alpha1.LabelServer}); err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	servers := map[types.NamespacedName]*serverActivity{}
	var group sync.WaitGroup
	turns := make(chan struct{}, parallel)
	for i := range pods.Items {
		pod := &pods.Items[i]
		name := types.NamespacedName{Namespace: pod.Namespace, Name: pod.Labels[v1alpha1.LabelServer]}
		if servers[name] == nil {
			servers[name] = &serverActivity{users: map[string]config.UserActivity{}}
		}
		if pod.Status.Phase != corev1.PodRunning || pod.Status.PodIP == "" {
			continue
		}
		s := servers[name]
		turns <- struct{}{}
		group.Go(func() {
			defer func() { <-turns }()
			s.add(w.Pods.Activity(ctx, pod))
		})
	}
	group.Wait()
	return w.write(ctx, servers)
}

// serverActivity is what the users of a server have done, in all of its pods.
type serverActivity struct {
	mu     sync.Mutex
	users  map[string]config.UserActivity
	silent bool // a pod did not answer: there may be more sessions
}

func (s *serverActivity) add(a config.Activity, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = s.silent || err != nil
	for _, u := range a.Users {
		all := s.users[u.Name]
		all.Sessions += u.Sessions
		all.LastLogin, all.LastUpload = later(all.LastLogin, u.LastLogin), later(all.LastUpload, u.LastUpload)
		s.users[u.Name] = all
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// write writes the statuses that are another now, and have not been written lately.
func (w *ActivityWatch) write(ctx context.Context, servers map[types.NamespacedName]*serverActivity) error {
	var list v1alpha1.FileServerUserList
	if err := w.Client.List(ctx, &list); err != nil {
		return fmt.Errorf("listing users: %w", err)
	}
	now, written := w.Clock.Now(), map[types.UID]time.Time{}
	var due []*v1alpha1.FileServerUser
	for i := range list.Items {
		user := &list.Items[i]
		if at, ok := w.written[user.UID]; ok {
			written[user.UID] = at
		}
		s := servers[types.NamespacedName{Namespace: user.Namespace, Name: user.Spec.ServerRef.Name}]
		// One without a binding has no account: what another of the same name does is none of its doing.
		if s != nil && user.Status.Binding != nil && now.Sub(written[user.UID]) >= writeEvery && s.show(user.DeepCopy()) {
			due = append(due, user)
		}
	}
	w.written = written
	slices.SortStableFunc(due, func(a, b *v1alpha1.FileServerUser) int { return written[a.UID].Compare(written[b.UID]) })
	var errs []error
	for _, user := range due[:min(len(due), writesAtOnce)] {
		after := user.DeepCopy()
		servers[types.NamespacedName{Namespace: user.Namespace, Name: user.Spec.ServerRef.Name}].show(after)
		written[user.UID] = now // also if it fails: it is tried again, as sparingly
		if err := w.Client.Status().Patch(ctx, after, client.MergeFrom(user)); client.IgnoreNotFound(err) != nil {
			errs = append(errs, fmt.Errorf("writing the status of %s: %w", user.Name, err))
		}
	}
	return errors.Join(errs...)
}

// show puts into a user's status what the pods know, and says whether that is anything
// new. Pods forget what they know when they end, and so nothing is taken back, but for
// sessions. A user whom no pod knows has none.
func (s *serverActivity) show(user *v1alpha1.FileServerUser) (changed bool) {
	did, status := s.users[user.LoginName()], &user.Status
	for shown, at := range map[**metav1.Time]time.Time{&status.LastLogin: did.LastLogin, &status.LastUpload: did.LastUpload} {
		at = at.Truncate(time.Second) // as the API server keeps it
		if !at.IsZero() && (*shown == nil || at.After((*shown).Time)) {
			*shown, changed = &metav1.Time{Time: at}, true
		}
	}
	sessions := int32(min(did.Sessions, 1<<30))
	if known := status.Sessions; !s.silent && (known == nil && sessions > 0 || known != nil && *known != sessions) {
		status.Sessions, changed = &sessions, true
	}
	return changed
}
