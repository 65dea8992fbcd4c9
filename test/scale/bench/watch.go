package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/test/scale"
)

// deadline is how long anything may take, and deadlineOfChange one change.
const (
	deadline         = 30 * time.Minute
	deadlineOfChange = 2 * time.Minute
)

// watch sees what happens in the cluster, and when.
type watch struct {
	mu      sync.Mutex
	settled map[client.ObjectKey]int       // of three: the server and its users
	final   map[client.ObjectKey]time.Time // since when all three of a server are
	waiters map[client.ObjectKey]*waiter   // by server
	seen    map[client.ObjectKey]bool      // servers and users that have been settled once, by kind and name
	changed chan struct{}
}

// waiter waits for a change of a user to arrive.
type waiter struct {
	user    string
	is      v1alpha1.UserState
	applied time.Time
	told    time.Time
	done    chan struct{}
}

func observe(ctx context.Context, c cache.Cache) (*watch, error) {
	w := &watch{
		settled: map[client.ObjectKey]int{}, final: map[client.ObjectKey]time.Time{},
		waiters: map[client.ObjectKey]*waiter{}, seen: map[client.ObjectKey]bool{}, changed: make(chan struct{}, 1),
	}
	for _, obj := range []client.Object{&v1alpha1.FileServer{}, &v1alpha1.FileServerUser{}, &corev1.Secret{}} {
		informer, err := c.GetInformer(ctx, obj)
		if err != nil {
			return nil, err
		}
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    w.see,
			UpdateFunc: func(_, obj any) { w.see(obj) },
		})
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *watch) see(obj any) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch o := obj.(type) {
	case *v1alpha1.FileServer:
		w.settle("server/"+o.Name, client.ObjectKeyFromObject(o), scale.Settled(o.Status.Conditions), now)
	case *v1alpha1.FileServerUser:
		server := client.ObjectKey{Namespace: o.Namespace, Name: o.Spec.ServerRef.Name}
		w.settle("user/"+o.Name, server, scale.Settled(o.Status.Conditions), now)
		w.tell(server, o, now)
	case *corev1.Secret:
		server := client.ObjectKey{Namespace: o.Namespace, Name: o.Labels[v1alpha1.LabelServer]}
		if wait := w.waiters[server]; wait != nil && wait.applied.IsZero() && strings.HasPrefix(o.Name, server.Name+"-users") {
			wait.applied = now
		}
	}
}

// settle counts an object that is ready for the first time.
func (w *watch) settle(name string, server client.ObjectKey, settled bool, now time.Time) {
	key := client.ObjectKey{Namespace: server.Namespace, Name: name}
	if !settled || w.seen[key] {
		return
	}
	w.seen[key] = true
	if w.settled[server]++; w.settled[server] == 3 {
		w.final[server] = now
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
}

// tell looks whether the status of a user tells of a change.
func (w *watch) tell(server client.ObjectKey, u *v1alpha1.FileServerUser, now time.Time) {
	wait := w.waiters[server]
	if wait == nil || wait.user != u.Name || !wait.told.IsZero() || u.Status.ObservedGeneration == nil || *u.Status.ObservedGeneration != u.Generation {
		return
	}
	ready := meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionReady)
	suspended := ready != nil && ready.Reason == v1alpha1.ReasonSuspended
	if suspended != (wait.is == v1alpha1.UserSuspended) || !suspended && !scale.Settled(u.Status.Conditions) {
		return
	}
	wait.told = now
	delete(w.waiters, server)
	close(wait.done)
}

// await registers a waiter for a change of a server's user.
func (w *watch) await(server client.ObjectKey, user string, is v1alpha1.UserState) *waiter {
	w.mu.Lock()
	defer w.mu.Unlock()
	wait := &waiter{user: user, is: is, done: make(chan struct{})}
	w.waiters[server] = wait
	return wait
}

// allSettled waits until all are, and returns when each was.
func (w *watch) allSettled(ctx context.Context, servers int) ([]time.Time, error) {
	timeout := time.After(deadline)
	for {
		w.mu.Lock()
		n := len(w.final)
		var all []time.Time
		for _, t := range w.final {
			all = append(all, t)
		}
		w.mu.Unlock()
		if n == servers {
			return all, nil
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timeout:
			return nil, fmt.Errorf("%d of %d servers are ready after %s", n, servers, deadline)
		}
	}
}
