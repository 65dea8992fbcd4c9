package resources

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// Claim is the volume's claim; nil where the spec has another storage. It has
// no owner, so that the files outlive the FileServer; one that is there
// already keeps what cannot be changed, and never shrinks.
func (s Server) Claim(existing *corev1.PersistentVolumeClaim) *corev1ac.PersistentVolumeClaimApplyConfiguration {
	want := s.Spec.Storage.WantedClaim()
	if want == nil {
		return nil
	}
	size := *want.Size
	if existing != nil {
		if has := existing.Spec.Resources.Requests[corev1.ResourceStorage]; has.Cmp(size) > 0 {
			size = has
		}
	}
	spec := corev1ac.PersistentVolumeClaimSpec().
		WithResources(corev1ac.VolumeResourceRequirements().
			WithRequests(corev1.ResourceList{corev1.ResourceStorage: size}))
	if existing == nil {
		if want.StorageClassName != "" {
			spec.WithStorageClassName(want.StorageClassName)
		}
		spec.WithAccessModes(WantedModes(want)...)
		makeFrom(spec, want)
	} else {
		spec.WithAccessModes(existing.Spec.AccessModes...)
		// A claim that waits for its volume is applied as it was made, which is
		// no write: the scheduler and the volume controller write to it now,
		// and who of them comes second tries again 15 s later.
		if want.StorageClassName != "" || existing.Status.Phase != corev1.ClaimPending {
			spec.StorageClassName = existing.Spec.StorageClassName
		}
		keepSource(spec, want, existing)
	}
	if want.VolumeAttributesClassName != "" {
		spec.WithVolumeAttributesClassName(want.VolumeAttributesClassName)
	}
	labels := s.Labels()
	// Argo CD, where it goes by this label, would take the claim for one of an
	// application of that name, and prune it with all files: it has no owner.
	delete(labels, "app.kubernetes.io/instance")
	claim := corev1ac.PersistentVolumeClaim(ClaimName(s.Name), s.Namespace).
		WithLabels(with(want.Labels, labels)).
		WithSpec(spec)
	if len(want.Annotations) > 0 {
		claim.WithAnnotations(want.Annotations)
	}
	return claim
}

// makeFrom says which volume a new claim wants, and what fills it.
func makeFrom(spec *corev1ac.PersistentVolumeClaimSpecApplyConfiguration, want *v1alpha1.Claim) {
	if want.VolumeName != "" {
		spec.WithVolumeName(want.VolumeName)
	}
	if want.Selector != nil {
		spec.WithSelector(convert[metav1ac.LabelSelectorApplyConfiguration](want.Selector))
	}
	if ref := want.DataSourceRef; ref != nil {
		source := corev1ac.TypedObjectReference().WithKind(ref.Kind).WithName(ref.Name)
		if ref.APIGroup != "" {
			source.WithAPIGroup(ref.APIGroup)
		}
		spec.WithDataSourceRef(source)
	}
}

// keepSource repeats what a claim was made with: what an apply no longer names
// is removed, which the API server refuses.
func keepSource(spec *corev1ac.PersistentVolumeClaimSpecApplyConfiguration, want *v1alpha1.Claim, existing *corev1.PersistentVolumeClaim) {
	if want.VolumeName != "" {
		spec.WithVolumeName(existing.Spec.VolumeName)
	}
	if want.Selector != nil && existing.Spec.Selector != nil {
		spec.WithSelector(convert[metav1ac.LabelSelectorApplyConfiguration](existing.Spec.Selector))
	}
	if want.DataSourceRef != nil && existing.Spec.DataSourceRef != nil {
		spec.WithDataSourceRef(convert[corev1ac.TypedObjectReferenceApplyConfiguration](existing.Spec.DataSourceRef))
	}
}

// ClaimInUse is the name of the claim that the pods mount; "" if the storage
// is ephemeral.
func (s Server) ClaimInUse() string {
	switch {
	case s.Spec.Storage.ExistingClaim != "":
		return s.Spec.Storage.ExistingClaim
	case s.Spec.Storage.WantedClaim() != nil:
		return ClaimName(s.Name)
	}
	return ""
}

// ClaimDiffers says what an existing claim has other than the spec wants, where
// that cannot be changed, and what to do; "" if nothing differs.
func (s Server) ClaimDiffers(existing *corev1.PersistentVolumeClaim) string {
	want := s.Spec.Storage.WantedClaim()
	if want == nil || existing == nil {
		return ""
	}
	var what string
	modes := WantedModes(want)
	class := existing.Spec.StorageClassName
	switch {
	case slices.ContainsFunc(modes, func(m corev1.PersistentVolumeAccessMode) bool { return !offers(existing.Spec.AccessModes, m) }):
		what = fmt.Sprintf("has the access modes %v, and storage.claim.accessModes wants %v", existing.Spec.AccessModes, modes)
	case want.StorageClassName != "" && class != nil && *class != want.StorageClassName:
		what = fmt.Sprintf("is of StorageClass %q, and storage.claim.storageClassName wants %q", *class, want.StorageClassName)
	default:
		return ""
	}
	return fmt.Sprintf("The PersistentVolumeClaim %q %s, which cannot be changed and stays as it is: to go on with it as it is, name it in storage.existingClaim and remove storage.claim; else copy the files to a claim that is as wanted, and name that one there.", existing.Name, what)
}

// offers says whether access modes allow what one of them asks for. Many nodes
// include one.
func offers(modes []corev1.PersistentVolumeAccessMode, m corev1.PersistentVolumeAccessMode) bool {
	return slices.Contains(modes, m) || m == corev1.ReadWriteOnce && slices.Contains(modes, corev1.ReadWriteMany)
}

// OneNode says whether a claim with these access modes ties pods to a node.
func OneNode(modes []corev1.PersistentVolumeAccessMode) bool {
	return !slices.Contains(modes, corev1.ReadWriteMany) && !ReadOnly(modes)
}

// ReadOnly says whether a claim with these access modes can only be read.
func ReadOnly(modes []corev1.PersistentVolumeAccessMode) bool {
	return len(modes) > 0 && !slices.ContainsFunc(modes, func(m corev1.PersistentVolumeAccessMode) bool { return m != corev1.ReadOnlyMany })
}

// OnePod says whether a claim with these access modes takes one pod at a time.
func OnePod(modes []corev1.PersistentVolumeAccessMode) bool {
	return len(modes) == 1 && modes[0] == corev1.ReadWriteOncePod
}

// WantedModes are the access modes of the claim as the spec has them; none if it
// has no claim.
func WantedModes(c *v1alpha1.Claim) []corev1.PersistentVolumeAccessMode {
	var modes []corev1.PersistentVolumeAccessMode
	if c == nil {
		return nil
	}
	for _, m := range c.AccessModes {
		modes = append(modes, corev1.PersistentVolumeAccessMode(m))
	}
	return modes
}
