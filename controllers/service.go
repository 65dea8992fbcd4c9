package controllers

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// reconcileService sees to the Service, and returns it with what the cluster has
// filled in so far: addresses of balancers come later.
func (p *pass) reconcileService(ctx context.Context) (*corev1.Service, error) {
	svc := p.service
	headless := p.server.Spec.Expose.Type == v1alpha1.ExposeHostNetwork
	if svc != nil && headless != (svc.Spec.ClusterIP == corev1.ClusterIPNone) && belongs(svc, p.server.FileServer) == nil {
		// A cluster IP can neither be given up nor taken later.
		if err := p.Delete(ctx, svc); client.IgnoreNotFound(err) != nil {
			return svc, fmt.Errorf("replacing the Service: %w", err)
		}
		svc = nil
	}
	made, err := p.apply(ctx, p.server.FileServer, p.server.Service(p.keptPorts(), p.olderRanges()...))
	if err != nil {
		return svc, err
	}
	if same, ok := made.(*corev1.Service); ok {
		return same, nil
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(made)
	svc = &corev1.Service{}
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(fields, svc)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the Service: %w", err)
	}
	return svc, nil
}

// keptPorts are ports of the Service for protocols that are not wanted any more, while
// there are pods that serve them.
func (p *pass) keptPorts() (kept []resources.ProtocolPort) {
	if p.service == nil || p.server.Spec.Expose.Type == v1alpha1.ExposeHostNetwork {
		return nil
	}
	for _, port := range p.service.Spec.Ports {
		served := slices.ContainsFunc(p.pods, func(pod corev1.Pod) bool {
			return slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
				return slices.ContainsFunc(c.Ports, func(its corev1.ContainerPort) bool { return its.Name == port.Name })
			})
		})
		if served && resources.IsProtocolPort(port.Name) {
			kept = append(kept, resources.ProtocolPort{Name: port.Name, Port: port.Port})
		}
	}
	return kept
}

// findExposure finds out where clients reach the server.
func (p *pass) findExposure(ctx context.Context) (resources.Exposure, error) {
	nodes, err := p.exposureNodes(ctx)
	if err != nil {
		return resources.Exposure{}, err
	}
	return resources.Observe(&p.server.Spec, p.server.TrafficPolicy(), p.service, nodes), nil
}
