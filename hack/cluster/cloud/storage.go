package cloud

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const (
	storageClass    = "standard"
	provisionerName = "cluster.fileserver.dev/directory"
)

// directories provides volumes as folders of the machine. The nodes share its disk, so a ReadWriteMany
// volume is one that may be used on all of them.
type directories struct {
	root string
}

// ensureStorageClass makes the default class.
func ensureStorageClass(ctx context.Context, client kubernetes.Interface) error {
	reclaim, binding := corev1.PersistentVolumeReclaimDelete, storagev1.VolumeBindingWaitForFirstConsumer
	class := &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        storageClass,
			Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner:       provisionerName,
		ReclaimPolicy:     &reclaim,
		VolumeBindingMode: &binding,
	}
	_, err := client.StorageV1().StorageClasses().Create(ctx, class, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// Provision makes a folder and describes it as a local volume. A local volume, other than a hostPath one,
// is given the pod's fsGroup by the kubelet, and the folder belongs to root until then, as a new disk
// does: who forgets the fsGroup finds out here.
func (d *directories) Provision(_ context.Context, o controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	if mode := o.PVC.Spec.VolumeMode; mode != nil && *mode == corev1.PersistentVolumeBlock {
		return nil, controller.ProvisioningFinished, errors.New("block volumes are not offered here: ask for volumeMode Filesystem")
	}
	path := filepath.Join(d.root, o.PVName)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	reclaim := corev1.PersistentVolumeReclaimDelete
	if o.StorageClass.ReclaimPolicy != nil {
		reclaim = *o.StorageClass.ReclaimPolicy
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: o.PVName},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes:                   o.PVC.Spec.AccessModes,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: o.PVC.Spec.Resources.Requests[corev1.ResourceStorage]},
			PersistentVolumeReclaimPolicy: reclaim,
			MountOptions:                  o.StorageClass.MountOptions,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: path}},
			NodeAffinity:                  affinity(o.PVC.Spec.AccessModes, o.SelectedNodeName),
		},
	}, controller.ProvisioningFinished, nil
}

// affinity ties a volume to the node that was selected for its first pod, unless it is one for many. A
// local volume must have an affinity: that of a shared one lets every node match.
func affinity(modes []corev1.PersistentVolumeAccessMode, node string) *corev1.VolumeNodeAffinity {
	match := corev1.NodeSelectorRequirement{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}
	if node == "" || slices.Contains(modes, corev1.ReadWriteMany) || slices.Contains(modes, corev1.ReadOnlyMany) {
		match = corev1.NodeSelectorRequirement{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpExists}
	}
	return &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{match}}},
	}}
}

// Delete removes the folder of a volume whose claim is gone.
func (d *directories) Delete(_ context.Context, volume *corev1.PersistentVolume) error {
	// The path is never taken from the volume: whoever may edit volumes must not delete the machine's files.
	if volume.Spec.Local == nil || volume.Name != filepath.Base(volume.Name) || volume.Name == ".." || volume.Name == "." {
		return &controller.IgnoredError{Reason: fmt.Sprintf("volume %q is not one of these folders", volume.Name)}
	}
	return os.RemoveAll(filepath.Join(d.root, volume.Name))
}
