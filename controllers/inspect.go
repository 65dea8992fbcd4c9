package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Before that much time has passed, it is normal that a volume or a pod is not
// there yet, and no reason to alarm anybody.
const soon = 5 * time.Second

// inspectPods finds out what keeps pods from serving.
func (p *pass) inspectPods(ctx context.Context) error {
	if err := p.inspectClaim(ctx); err != nil {
		return err // its pods cannot but wait
	}
	var found []error
	for i := range p.deployments {
		for _, c := range p.deployments[i].Status.Conditions {
			if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
				found = append(found, conditions.Waiting(v1alpha1.ReasonPodsRefused, "The cluster refuses the pods of Deployment %q: %s.", p.deployments[i].Name, conditions.Cut(c.Message)))
			}
		}
	}
	for i := range p.pods {
		if pod := &p.pods[i]; !terminating(pod) && !podReady(pod) {
			found = append(found, p.inspectPod(ctx, pod))
		}
	}
	for i := range p.pods {
		if e := p.mem().pods[p.pods[i].UID].loaded.Error; e != "" {
			found = append(found, conditions.Stalled(v1alpha1.ReasonConfigurationRefused, "The pod %q refuses a file and keeps the last good one: %s.", p.pods[i].Name, conditions.Cut(e)))
		}
	}
	found = append(found, p.inspectVolume(), p.inspectBucket())
	return errors.Join(found...)
}

// inspectVolume tells of the first user whose home a pod may not use. Each such
// user tells of it, too.
func (p *pass) inspectVolume() error {
	for i := range p.pods {
		for _, d := range p.mem().pods[p.pods[i].UID].loaded.Denied {
			return conditions.Stalled(v1alpha1.ReasonVolumeDenied, "%s", resources.Denied(d))
		}
	}
	return nil
}

// inspectBucket tells what a pod cannot use the bucket for. That may pass, and then the pod
// says so.
func (p *pass) inspectBucket() error {
	for i := range p.pods {
		if f := p.mem().pods[p.pods[i].UID].loaded.Bucket; f != nil {
			reason, message := p.server.BucketFault(f)
			return conditions.Waiting(reason, "%s", conditions.Cut(message)+".")
		}
	}
	return nil
}

// delivery is how the pods deliver events; nil if none are told, or no pod has told.
func (p *pass) delivery() *conditions.Delivery {
	var told []config.Loaded
	for i := range p.pods {
		if pod := &p.pods[i]; !terminating(pod) {
			told = append(told, p.mem().pods[pod.UID].loaded)
		}
	}
	d := p.server.Delivery(told)
	if d == nil {
		return nil
	}
	return &conditions.Delivery{Undelivered: d.Undelivered, Dead: d.Dead, Failing: d.Failing, Full: d.Full}
}

// inspectClaim finds out why a claim has no volume. A class that waits for the
// first pod is no problem of the claim's.
func (p *pass) inspectClaim(ctx context.Context) error {
	claim := p.volume.claim
	if claim == nil || claim.Status.Phase != corev1.ClaimPending {
		return nil
	}
	e, err := p.lastEvent(ctx, claim.Namespace, claim.UID)
	if err != nil {
		return err
	}
	if e == nil && p.Clock.Since(claim.CreationTimestamp.Time) < soon {
		p.again(soon)
		return nil
	}
	p.again(10 * time.Second) // events are not watched
	switch {
	case e == nil && (claim.Spec.StorageClassName == nil || *claim.Spec.StorageClassName == ""):
		return conditions.Waiting(v1alpha1.ReasonClaimPending, "The PersistentVolumeClaim %q has no volume yet, and names no StorageClass: set storage.claim.storageClassName, or make one the cluster's default.", claim.Name)
	case e == nil:
		return conditions.Waiting(v1alpha1.ReasonClaimPending, "The PersistentVolumeClaim %q of StorageClass %q has no volume yet.", claim.Name, *claim.Spec.StorageClassName)
	case e.Reason == "WaitForFirstConsumer" || e.Reason == "WaitForPodScheduled":
		return nil
	}
	return conditions.Waiting(v1alpha1.ReasonClaimPending, "The PersistentVolumeClaim %q has no volume yet (%s): %s.", claim.Name, e.Reason, conditions.Cut(e.Message))
}

func (p *pass) inspectPod(ctx context.Context, pod *corev1.Pod) error {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return conditions.Waiting(v1alpha1.ReasonUnschedulable, "No node takes the pod %q: %s.", pod.Name, conditions.Cut(c.Message))
		}
	}
	for _, c := range pod.Status.ContainerStatuses {
		if problem := inspectContainer(pod, &c); problem != nil {
			return problem
		}
		if w := c.State.Waiting; w != nil && w.Reason == "ContainerCreating" {
			if p.Clock.Since(pod.CreationTimestamp.Time) < soon {
				p.again(soon)
				continue
			}
			p.again(10 * time.Second)
			e, err := p.lastEvent(ctx, pod.Namespace, pod.UID)
			if err != nil {
				return err
			}
			if e != nil && e.Type == corev1.EventTypeWarning {
				return conditions.Waiting(v1alpha1.ReasonMountFailed, "The pod %q cannot start (%s): %s.", pod.Name, e.Reason, conditions.Cut(e.Message))
			}
		}
	}
	if len(pod.Status.ContainerStatuses) == 0 {
		p.again(soon)
	}
	return nil
}

func inspectContainer(pod *corev1.Pod, c *corev1.ContainerStatus) *conditions.Problem {
	w := c.State.Waiting
	if w == nil {
		if c.RestartCount >= 2 {
			return crashLoop(pod, c)
		}
		return nil
	}
	switch w.Reason {
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable":
		return conditions.Waiting(v1alpha1.ReasonImagePullFailed, "The image %q cannot be pulled: %s; correct spec.image, or podTemplate.imagePullSecrets.", pod.Spec.Containers[0].Image, conditions.Cut(w.Message))
	case "CrashLoopBackOff":
		return crashLoop(pod, c)
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		return conditions.Waiting(v1alpha1.ReasonMountFailed, "The pod %q cannot start (%s): %s.", pod.Name, w.Reason, conditions.Cut(w.Message))
	}
	return nil
}

func crashLoop(pod *corev1.Pod, c *corev1.ContainerStatus) *conditions.Problem {
	why := "it says nothing; see `kubectl logs --previous " + pod.Name + "`"
	if t := c.LastTerminationState.Terminated; t != nil {
		why = fmt.Sprintf("exit code %d", t.ExitCode)
		if t.Reason != "" && t.Reason != "Error" {
			why += " (" + t.Reason + ")"
		}
		if m := lastLine(t.Message); m != "" {
			why += ", " + m
		}
	}
	return conditions.Stalled(v1alpha1.ReasonCrashLooping, "The server in the pod %q ended %d times: %s.", pod.Name, c.RestartCount, why)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return conditions.Cut(lines[len(lines)-1])
}

// lastEvent is the newest event about an object; nil if there is none.
func (p *pass) lastEvent(ctx context.Context, namespace string, uid types.UID) (*corev1.Event, error) {
	var list corev1.EventList
	err := p.Direct.List(ctx, &list, client.InNamespace(namespace),
		client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("involvedObject.uid", string(uid))})
	if err != nil {
		return nil, fmt.Errorf("listing events: %w", err)
	}
	if len(list.Items) == 0 {
		return nil, nil
	}
	newest := slices.MaxFunc(list.Items, func(a, b corev1.Event) int { return cmp.Compare(eventTime(&a), eventTime(&b)) })
	return &newest, nil
}

func eventTime(e *corev1.Event) int64 {
	for _, t := range []time.Time{e.LastTimestamp.Time, e.EventTime.Time} {
		if !t.IsZero() {
			return t.UnixNano()
		}
	}
	if e.Series != nil {
		return e.Series.LastObservedTime.UnixNano()
	}
	return e.CreationTimestamp.UnixNano()
}
