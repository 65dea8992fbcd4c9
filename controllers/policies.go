package controllers

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// reconcilePolicies sees to the NetworkPolicy and the PodDisruptionBudget.
func (p *pass) reconcilePolicies(ctx context.Context) error {
	spec := &p.server.Spec
	var err error
	if spec.NetworkPolicy == v1alpha1.NetworkPolicyNone || spec.Expose.Type == v1alpha1.ExposeHostNetwork {
		err = p.drop(ctx, &networkingv1.NetworkPolicy{}, resources.NetworkPolicyName(p.server.Name))
	} else {
		err = p.put(ctx, p.server.NetworkPolicy(p.olderPorts()))
	}
	if err != nil {
		return err
	}
	// Where a replacement cannot run beside a pod, holding the pod's eviction
	// would only hold the drain of its node for ever.
	if spec.Disruption.Budget == v1alpha1.BudgetNone || *spec.Replicas == 0 || p.server.OneNode || p.exclusive() {
		return p.drop(ctx, &policyv1.PodDisruptionBudget{}, resources.DisruptionName(p.server.Name))
	}
	moving := slices.ContainsFunc(p.pods, func(pod corev1.Pod) bool { return !terminating(&pod) && p.leaving(&pod) })
	return p.put(ctx, p.server.Disruption(moving))
}

// olderPorts are the ports, besides the wanted ones, on which pods still serve.
func (p *pass) olderPorts() resources.OlderPorts {
	older := resources.OlderPorts{Clients: p.olderRanges()}
	wanted := map[int32]bool{p.server.Spec.MetricsPort(): true}
	for _, port := range p.server.ControlPorts() {
		wanted[port] = true
	}
	for i := range p.pods {
		spec := &p.pods[i].Spec
		if port := resources.PodMetricsPort(spec); !wanted[port] {
			wanted[port] = true
			older.Metrics = append(older.Metrics, port)
		}
		for _, c := range spec.Containers {
			for _, port := range c.Ports {
				if !wanted[port.ContainerPort] && resources.IsControlPort(port.Name) {
					wanted[port.ContainerPort] = true
					older.Clients = append(older.Clients, v1alpha1.PortRange{First: port.ContainerPort, Last: port.ContainerPort})
				}
			}
		}
	}
	return older
}
