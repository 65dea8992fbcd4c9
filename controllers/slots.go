package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/controllers/rollout"
)

// reconcileSlots sees to the Deployments, and says what is under way. A slot that fails
// keeps no other from being seen to.
func (p *pass) reconcileSlots(ctx context.Context) (progress string, err error) {
	if !p.server.Spec.ServedProtocols().HasPassive() {
		return p.reconcileShared(ctx)
	}
	have, want := p.observedSlots(), p.wantedSlots()
	if wait := p.paceSlots(have, want); wait != "" {
		return wait, nil
	}
	decision := rollout.Decide(have, want)
	var errs []error
	for _, n := range decision.Stop {
		errs = append(errs, p.drop(ctx, &appsv1.Deployment{}, resources.SlotName(p.server.Name, n)))
	}
	run := slices.Clone(decision.Start)
	ready := 0
	for _, s := range have.Slots {
		if s.Template == want.Template && s.Number < len(want.Slices) && s.Ports == want.Slices[s.Number] && !slices.Contains(decision.Stop, s.Number) {
			run = append(run, s.Number)
			if s.Ready {
				ready++
			}
		}
	}
	for _, n := range run {
		r := want.Slices[n]
		slot := resources.Slot{Number: n, Ports: v1alpha1.PortRange{First: r.First, Last: r.Last}}
		errs = append(errs, p.put(ctx, p.server.SlotDeployment(slot)))
	}
	if ready >= want.Replicas || want.Exclusive {
		errs = append(errs, p.drop(ctx, &appsv1.Deployment{}, resources.SharedName(p.server.Name)))
	}
	return progressOf(have, want, decision, ready), errors.Join(errs...)
}

func progressOf(have rollout.Observed, want rollout.Wanted, decision rollout.Decision, ready int) string {
	switch {
	case decision.NoFreeSlot && len(have.Draining) > 0:
		return fmt.Sprintf("A pod waits until an old one has finished what it serves (slot %d); %d of %d pods are as wanted.", have.Draining[0].Number, ready, want.Replicas)
	case ready < want.Replicas:
		return fmt.Sprintf("%d of %d pods are ready.", ready, want.Replicas)
	case len(have.Slots) > want.Replicas:
		return "Old pods are being replaced."
	}
	return ""
}

// reconcileShared sees to the one Deployment of a server without passive ports.
func (p *pass) reconcileShared(ctx context.Context) (progress string, err error) {
	replicas := *p.server.Spec.Replicas
	exclusive := p.exclusive()
	if wait := p.paceShared(replicas); wait != "" {
		return wait, nil
	}
	if err := p.put(ctx, p.server.SharedDeployment(replicas+p.leavingShared(), !exclusive)); err != nil {
		return "", err
	}
	ready := int32(0)
	for i := range p.deployments {
		d := &p.deployments[i]
		if d.Name == resources.SharedName(p.server.Name) && d.Status.ObservedGeneration >= d.Generation && d.Annotations[v1alpha1.AnnotationTemplate] == p.server.Template() {
			ready = min(d.Status.UpdatedReplicas, d.Status.AvailableReplicas)
			if d.Status.Replicas > replicas {
				progress = "Old pods are being replaced."
			}
		}
	}
	if ready < replicas {
		progress = fmt.Sprintf("%d of %d pods are ready.", ready, replicas)
		if !exclusive {
			return progress, nil
		}
	}
	var errs []error
	for i := range p.deployments {
		if _, slot := slotOf(&p.deployments[i]); slot {
			errs = append(errs, p.drop(ctx, &appsv1.Deployment{}, p.deployments[i].Name))
		}
	}
	return progress, errors.Join(errs...)
}

// leavingShared is how many pods of the shared Deployment should move. Each gets
// its replacement first, and can then be evicted.
func (p *pass) leavingShared() (leaving int32) {
	for i := range p.pods {
		pod := &p.pods[i]
		if pod.Labels[v1alpha1.LabelSlot] == resources.SharedSlot && !terminating(pod) && p.leaving(pod) {
			leaving++
		}
	}
	return leaving
}

// exclusive says whether two pods cannot run at once in one place.
func (p *pass) exclusive() bool {
	return p.volume.onePod || p.server.Spec.Expose.Type == v1alpha1.ExposeHostNetwork
}

func (p *pass) wantedSlots() rollout.Wanted {
	spec := &p.server.Spec
	r := spec.PassivePorts()
	want := rollout.Wanted{
		Replicas:  int(*spec.Replicas),
		Template:  p.server.Template(),
		Slices:    rollout.Slices(rollout.Range{First: r.First, Last: r.Last}, spec.Passive.PortsPerPod),
		Exclusive: p.exclusive(),
	}
	if spec.Expose.Type == v1alpha1.ExposeHostNetwork {
		// Every pod has an address of its own, and with it the whole range.
		want.SharedPorts = true
		want.Slices = slices.Repeat([]rollout.Range{{First: r.First, Last: r.Last}}, want.Replicas)
	}
	return want
}

func (p *pass) observedSlots() rollout.Observed {
	var have rollout.Observed
	running := map[int]bool{}
	for i := range p.deployments {
		d := &p.deployments[i]
		number, ok := slotOf(d)
		if !ok {
			continue
		}
		ports, _ := portsOf(d)
		if !d.DeletionTimestamp.IsZero() {
			have.Draining = append(have.Draining, rollout.Draining{Number: number, Ports: ports})
			continue
		}
		running[number] = true
		s := rollout.Slot{Number: number, Ports: ports, Template: d.Annotations[v1alpha1.AnnotationTemplate]}
		for j := range p.pods {
			pod := &p.pods[j]
			if n, ok := slotOf(pod); !ok || n != number || terminating(pod) {
				continue
			}
			s.Ready = s.Ready || podReady(pod)
			s.Leaving = s.Leaving || p.leaving(pod)
		}
		have.Slots = append(have.Slots, s)
	}
	for i := range p.pods {
		number, ok := slotOf(&p.pods[i])
		if ok && (terminating(&p.pods[i]) || !running[number]) {
			ports, _ := portsOf(&p.pods[i])
			have.Draining = append(have.Draining, rollout.Draining{Number: number, Ports: ports})
		}
	}
	return have
}

// leaving says whether a pod should move because its node is about to go.
// Where the volume ties pods to a node, a replacement could not start
// elsewhere before the last pod has gone, so the pod stays until it is evicted.
func (p *pass) leaving(pod *corev1.Pod) bool {
	node := p.nodes[pod.Spec.NodeName]
	return node != nil && resources.Leaves(node, pod.Spec.Tolerations) && !p.server.OneNode && !p.exclusive()
}

// slotOf is the number of the slot that a Deployment or a pod belongs to.
func slotOf(obj metav1.Object) (int, bool) {
	n, err := strconv.Atoi(obj.GetLabels()[v1alpha1.LabelSlot])
	return n, err == nil
}

// portsOf is the slice of the passive range that a Deployment or pod owns.
func portsOf(obj metav1.Object) (rollout.Range, bool) {
	first, last, ok := strings.Cut(obj.GetAnnotations()[v1alpha1.AnnotationPassivePorts], "-")
	f, err1 := strconv.ParseInt(first, 10, 32)
	l, err2 := strconv.ParseInt(last, 10, 32)
	return rollout.Range{First: int32(f), Last: int32(l)}, ok && err1 == nil && err2 == nil
}

// olderRanges are passive ports outside the wanted range on which pods still
// serve.
func (p *pass) olderRanges() []v1alpha1.PortRange {
	var older []v1alpha1.PortRange
	add := func(obj client.Object, spec *corev1.PodSpec) {
		r, ok := portsOf(obj)
		if !ok || spec.HostNetwork { // no Service leads to those
			return
		}
		o := v1alpha1.PortRange{First: r.First, Last: r.Last}
		want := p.server.Spec.PassivePorts()
		inside := p.server.Spec.ServedProtocols().HasPassive() && want.First <= o.First && o.Last <= want.Last
		if !inside && !slices.Contains(older, o) {
			older = append(older, o)
		}
	}
	for i := range p.deployments {
		add(&p.deployments[i], &p.deployments[i].Spec.Template.Spec)
	}
	for i := range p.pods {
		add(&p.pods[i], &p.pods[i].Spec)
	}
	slices.SortFunc(older, func(a, b v1alpha1.PortRange) int { return int(a.First - b.First) })
	return older
}
