package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// observeNodes reads the nodes of pods, by name.
func (p *pass) observeNodes(ctx context.Context, pods []corev1.Pod) (map[string]*corev1.Node, error) {
	nodes := map[string]*corev1.Node{}
	for i := range pods {
		name := pods[i].Spec.NodeName
		if name == "" || nodes[name] != nil {
			continue
		}
		if p.WithoutNodes {
			nodes[name] = nodeOf(&pods[i])
			continue
		}
		node := &corev1.Node{}
		if err := p.Get(ctx, client.ObjectKey{Name: name}, node); err != nil {
			if apierrors.IsNotFound(err) {
				continue
			}
			return nil, fmt.Errorf("reading node %s: %w", name, err)
		}
		nodes[name] = node
	}
	return nodes, nil
}

// nodeOf is what a pod tells of its node, where the operator may not see nodes.
func nodeOf(pod *corev1.Pod) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: pod.Spec.NodeName}}
	for _, ip := range pod.Status.HostIPs {
		node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: ip.IP})
	}
	return node
}

// exposureNodes are the nodes that matter for the exposure; none where clients do
// not come by nodes.
func (p *pass) exposureNodes(ctx context.Context) (resources.Nodes, error) {
	spec := &p.server.Spec
	if spec.Expose.Type != v1alpha1.ExposeNodePort && spec.Expose.Type != v1alpha1.ExposeHostNetwork {
		p.mem().shownNodes = nil
		return resources.Nodes{}, nil
	}
	all, err := p.allNodes(ctx)
	if err != nil {
		return resources.Nodes{}, err
	}
	serving := p.nodesOf(func(pod *corev1.Pod) bool { return podReady(pod) && !terminating(pod) })
	_, ready := p.countPods()
	shown := p.server.Shown(resources.Observed{
		Before:  p.nodesBefore(all),
		Serving: serving,
		Settled: *spec.Replicas > 0 && ready >= *spec.Replicas,
	})
	p.mem().shownNodes = shown
	return resources.Nodes{
		Shown:    shown,
		Draining: p.nodesOf(func(pod *corev1.Pod) bool { return podReady(pod) && terminating(pod) }),
		All:      all,
	}, nil
}

// allNodes are those of the cluster, by name; none where the operator may not see
// nodes.
func (p *pass) allNodes(ctx context.Context) ([]corev1.Node, error) {
	if p.WithoutNodes {
		return nil, nil
	}
	var all corev1.NodeList
	if err := p.List(ctx, &all); err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	slices.SortFunc(all.Items, func(a, b corev1.Node) int { return cmp.Compare(a.Name, b.Name) })
	return all.Items, nil
}

// nodesBefore are those of the shown nodes that still exist. An operator that has
// just started finds them by the addresses in the status.
func (p *pass) nodesBefore(all []corev1.Node) []corev1.Node {
	before := p.mem().shownNodes
	if p.WithoutNodes {
		return before
	}
	var exist []corev1.Node
	keep := func(n *corev1.Node) {
		if n != nil && !slices.ContainsFunc(exist, func(o corev1.Node) bool { return o.Name == n.Name }) {
			exist = append(exist, *n)
		}
	}
	for _, n := range before {
		if i := slices.IndexFunc(all, func(o corev1.Node) bool { return o.Name == n.Name }); i >= 0 {
			keep(&all[i])
		}
	}
	if before == nil {
		for _, e := range p.server.Status.Endpoints {
			keep(resources.WithAddress(all, e.Address))
		}
	}
	return exist
}

// nodesOf are the nodes of some of the pods, by name.
func (p *pass) nodesOf(which func(*corev1.Pod) bool) []corev1.Node {
	var nodes []corev1.Node
	for i := range p.pods {
		n := p.nodes[p.pods[i].Spec.NodeName]
		if n == nil || !which(&p.pods[i]) || slices.ContainsFunc(nodes, func(o corev1.Node) bool { return o.Name == n.Name }) {
			continue
		}
		nodes = append(nodes, *n)
	}
	slices.SortFunc(nodes, func(a, b corev1.Node) int { return cmp.Compare(a.Name, b.Name) })
	return nodes
}
