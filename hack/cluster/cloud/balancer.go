package cloud

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// A balancer gives Services of type LoadBalancer their addresses and routes those to the nodes. Any change
// leads to the one plan for all Services: addresses are a resource that they share.
type balancer struct {
	client.Client
	recorder events.EventRecorder
	apply    func(ctx context.Context, ruleset string) error
	applied  string
}

func (b *balancer) setup(mgr ctrl.Manager) error {
	everything := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{{}}
	})
	return ctrl.NewControllerManagedBy(mgr).
		Named("balancer").
		Watches(&corev1.Service{}, everything).
		Watches(&corev1.Node{}, everything).
		Watches(&discoveryv1.EndpointSlice{}, everything).
		Complete(b)
}

func (b *balancer) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	var (
		list   corev1.ServiceList
		nodes  corev1.NodeList
		slices discoveryv1.EndpointSliceList
	)
	if err := errors.Join(b.List(ctx, &list), b.List(ctx, &nodes), b.List(ctx, &slices)); err != nil {
		return reconcile.Result{}, err
	}
	services := make([]*corev1.Service, len(list.Items))
	for i := range list.Items {
		services[i] = &list.Items[i]
	}
	allocations := allocate(services)

	var routes []route
	for _, s := range services {
		for _, a := range allocations[key(s)].addresses {
			routes = append(routes, route{a, targets(s, slices.Items, nodes.Items), s.Spec.SessionAffinity == corev1.ServiceAffinityClientIP})
		}
	}
	// Routes first: an address in a status works.
	if ruleset := rules(routes); ruleset != b.applied {
		if err := b.apply(ctx, ruleset); err != nil {
			return reconcile.Result{}, err
		}
		b.applied = ruleset
	}
	var failed error
	for _, s := range services {
		failed = errors.Join(failed, b.report(ctx, s, allocations[key(s)]))
	}
	return reconcile.Result{}, failed
}

// report writes a Service's status if it changes.
func (b *balancer) report(ctx context.Context, s *corev1.Service, a allocation) error {
	if !wanted(s) && len(held(s)) == 0 {
		return nil // not ours
	}
	if a.problem != "" {
		b.recorder.Eventf(s, nil, corev1.EventTypeWarning, "NoBalancerAddress", "Allocate", "%s", a.problem)
	}
	var status corev1.LoadBalancerStatus
	mode := corev1.LoadBalancerIPModeVIP
	for _, address := range a.addresses {
		status.Ingress = append(status.Ingress, corev1.LoadBalancerIngress{IP: address.String(), IPMode: &mode})
	}
	if equality.Semantic.DeepEqual(s.Status.LoadBalancer, status) {
		return nil
	}
	changed := s.DeepCopy()
	changed.Status.LoadBalancer = status
	if err := b.Status().Update(ctx, changed); err != nil {
		// A conflict or a deletion comes with an event of its own, which plans again.
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("writing the address of Service %s: %w", key(s), err)
	}
	log.FromContext(ctx).Info("balancer address", "service", key(s), "addresses", fmt.Sprint(a.addresses))
	return nil
}
