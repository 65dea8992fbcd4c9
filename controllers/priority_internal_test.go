package controllers

import (
	"context"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

func TestChangesComeFirstAndServersThatAreUnderWayBeforeNewOnes(t *testing.T) {
	t.Parallel()
	q := priorityqueue.New[reconcile.Request]("")
	defer q.ShutDown()
	server := func(name, version string) client.Object {
		fs := &v1alpha1.FileServer{}
		fs.Name, fs.ResourceVersion = name, version
		return fs
	}
	changes := enqueueAt(priorityNew, priorityChange, &handler.EnqueueRequestForObject{})
	pods := enqueueAt(priorityUnderWay, priorityUnderWay, handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: o.GetName()}}}
	}))
	ctx := t.Context()
	changes.Create(ctx, event.CreateEvent{Object: server("5 there before", "1"), IsInInitialList: true}, q)
	changes.Update(ctx, event.UpdateEvent{ObjectOld: server("6 looked at again", "1"), ObjectNew: server("6 looked at again", "1")}, q)
	changes.Create(ctx, event.CreateEvent{Object: server("4 new", "1")}, q)
	pods.Create(ctx, event.CreateEvent{Object: server("2 has a pod", "1")}, q)
	pods.Update(ctx, event.UpdateEvent{ObjectOld: server("3 has a pod that is ready", "1"), ObjectNew: server("3 has a pod that is ready", "2")}, q)
	changes.Update(ctx, event.UpdateEvent{ObjectOld: server("1 changed", "1"), ObjectNew: server("1 changed", "2")}, q)
	var order []string
	for range 6 {
		r, _ := q.Get()
		order = append(order, r.Name)
		q.Done(r)
	}
	if !slices.IsSorted(order) {
		t.Errorf("the order is %q", order)
	}
}
