package controllers

import (
	"context"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Priorities of passes. Who is suspended waits for nobody, and servers that are on their
// way are finished before new ones begin. What was there before the operator, and what
// is looked at again just in case, comes last ([handler.LowPriority]).
const (
	priorityNew      = 0
	priorityUnderWay = 10
	priorityChange   = 20
)

// enqueueAt has a handler enqueue at one priority for what is created, and at another one
// for what is changed or deleted. What the handler gives the lowest priority keeps that.
func enqueueAt[T client.Object](created, changed int, h handler.TypedEventHandler[T, reconcile.Request]) handler.TypedEventHandler[T, reconcile.Request] {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	return handler.TypedFuncs[T, reconcile.Request]{
		CreateFunc: func(ctx context.Context, e event.TypedCreateEvent[T], q queue) {
			h.Create(ctx, e, prioritized(q, created))
		},
		UpdateFunc: func(ctx context.Context, e event.TypedUpdateEvent[T], q queue) {
			h.Update(ctx, e, prioritized(q, changed))
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[T], q queue) {
			h.Delete(ctx, e, prioritized(q, changed))
		},
	}
}

// underWay is for what the operator has made, and whoever takes it from there.
func underWay(servers handler.MapFunc) handler.EventHandler {
	return enqueueAt(priorityUnderWay, priorityUnderWay, handler.EnqueueRequestsFromMapFunc(servers))
}

// prioritized is a queue to which is added at a priority.
func prioritized(q workqueue.TypedRateLimitingInterface[reconcile.Request], priority int) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	if pq, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		return prioritizedQueue{pq, priority}
	}
	return q
}

type prioritizedQueue struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	priority int
}

func (q prioritizedQueue) Add(r reconcile.Request) { q.AddWithOpts(priorityqueue.AddOpts{}, r) }

func (q prioritizedQueue) AddWithOpts(o priorityqueue.AddOpts, requests ...reconcile.Request) {
	if o.Priority == nil {
		o.Priority = &q.priority
	}
	q.PriorityQueue.AddWithOpts(o, requests...)
}

// again is the result of a pass after which another one is due. Where it is not due for
// long, the queue must not remember the priority of this one until then.
func again(after time.Duration) ctrl.Result {
	priority := priorityUnderWay
	if after >= time.Minute {
		priority = handler.LowPriority
	}
	return ctrl.Result{RequeueAfter: after, Priority: &priority}
}
