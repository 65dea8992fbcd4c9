package resources

import (
	"encoding/json"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Template identifies what the pods run, apart from what differs by slot.
// Pods of another template are outdated.
func (s Server) Template() string { return templateOf(s.pod()) }

func templateOf(pod *corev1ac.PodTemplateSpecApplyConfiguration) string {
	b, err := json.Marshal(pod)
	if err != nil {
		panic(err) // an apply configuration is made to be marshalled
	}
	return config.Hash(b)[:16]
}

// SlotDeployment runs the one pod of a slot. It is never edited: what the spec
// changes starts in a free slot, and this one drains.
func (s Server) SlotDeployment(slot Slot) *appsv1ac.DeploymentApplyConfiguration {
	pod := s.pod()
	template := templateOf(pod)
	own(pod, slot, !s.onHost())
	number := map[string]string{v1alpha1.LabelSlot: strconv.Itoa(slot.Number)}
	return s.deployment(SlotName(s.Name, slot.Number), number).
		WithAnnotations(map[string]string{
			v1alpha1.AnnotationTemplate:     template,
			v1alpha1.AnnotationPassivePorts: slot.Ports.String(),
		}).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(1).
			WithRevisionHistoryLimit(0).
			WithStrategy(appsv1ac.DeploymentStrategy().WithType(appsv1.RecreateDeploymentStrategyType)).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(with(s.Selector(), number))).
			WithTemplate(pod))
}

// SharedDeployment runs all pods, where there are no passive ports to own: any
// pod serves any connection, so an ordinary rolling update loses nothing.
func (s Server) SharedDeployment(replicas int32, overlap bool) *appsv1ac.DeploymentApplyConfiguration {
	pod := s.pod()
	template := templateOf(pod)
	shared := map[string]string{v1alpha1.LabelSlot: SharedSlot}
	pod.WithLabels(shared)
	strategy := appsv1ac.DeploymentStrategy().WithType(appsv1.RecreateDeploymentStrategyType)
	if overlap {
		strategy = appsv1ac.DeploymentStrategy().
			WithType(appsv1.RollingUpdateDeploymentStrategyType).
			WithRollingUpdate(appsv1ac.RollingUpdateDeployment().
				WithMaxSurge(intstr.FromInt32(1)).
				WithMaxUnavailable(intstr.FromInt32(0)))
	}
	return s.deployment(SharedName(s.Name), shared).
		WithAnnotations(map[string]string{v1alpha1.AnnotationTemplate: template}).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(replicas).
			WithRevisionHistoryLimit(2).
			WithStrategy(strategy).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(with(s.Selector(), shared))).
			WithTemplate(pod))
}

// SharedSlot is the value of the slot label of pods without a slot.
const SharedSlot = "shared"

func (s Server) deployment(name string, extra map[string]string) *appsv1ac.DeploymentApplyConfiguration {
	return appsv1ac.Deployment(name, s.Namespace).
		WithLabels(with(s.Labels(), extra)).
		WithOwnerReferences(s.Owner())
}
