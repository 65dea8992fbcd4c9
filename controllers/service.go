package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// reconcileService sees to the Service, and finds out where clients reach it.
func (p *pass) reconcileService(ctx context.Context) error {
	headless := p.server.Spec.Expose.Type == v1alpha1.ExposeHostNetwork
	if p.service != nil && headless != (p.service.Spec.ClusterIP == corev1.ClusterIPNone) && belongs(p.service, p.server.FileServer) == nil {
		// A cluster IP can neither be given up nor taken later.
		if err := p.Delete(ctx, p.service); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("replacing the Service: %w", err)
		}
		p.service = nil
	}
	if err := p.put(ctx, p.server.Service(p.olderRanges()...)); err != nil {
		return err
	}
	nodes, err := p.exposureNodes(ctx)
	if err != nil {
		return err
	}
	p.server.Exposure = resources.Observe(&p.server.Spec, p.server.TrafficPolicy(), p.service, nodes)
	return nil
}
