package cloud

import (
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

func TestAVolumeIsTiedToTheNodeOfItsFirstPodUnlessShared(t *testing.T) {
	for mode, want := range map[corev1.PersistentVolumeAccessMode]corev1.NodeSelectorOperator{
		corev1.ReadWriteOnce:    corev1.NodeSelectorOpIn,
		corev1.ReadWriteOncePod: corev1.NodeSelectorOpIn,
		corev1.ReadWriteMany:    corev1.NodeSelectorOpExists,
	} {
		got := affinity([]corev1.PersistentVolumeAccessMode{mode}, "node1").Required.NodeSelectorTerms[0].MatchExpressions[0]
		if got.Operator != want {
			t.Errorf("%s: %v", mode, got)
		}
	}
}

func TestAVolumeIsAFolderForAsLongAsItsClaim(t *testing.T) {
	d := &directories{root: t.TempDir()}
	volume, _, err := d.Provision(t.Context(), controller.ProvisionOptions{
		PVName:           "pvc-1",
		SelectedNodeName: "node0",
		StorageClass:     &storagev1.StorageClass{},
		PVC:              &corev1.PersistentVolumeClaim{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(volume.Spec.Local.Path, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Delete(t.Context(), volume); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(volume.Spec.Local.Path); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestDeleteNeverLeavesTheFolderOfVolumes(t *testing.T) {
	root := t.TempDir()
	precious := filepath.Join(root, "precious")
	if err := os.Mkdir(precious, 0o755); err != nil {
		t.Fatal(err)
	}
	d := &directories{root: filepath.Join(root, "volumes")}
	for _, name := range []string{"pvc-1", "..", "../precious"} {
		volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}}
		volume.Spec.Local = &corev1.LocalVolumeSource{Path: precious}
		_ = d.Delete(t.Context(), volume) // whatever it says
		if _, err := os.Stat(precious); err != nil {
			t.Fatalf("volume %q took %s with it", name, precious)
		}
	}
}
