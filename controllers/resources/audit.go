package resources

import (
	"k8s.io/apimachinery/pkg/api/resource"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Defaults of the audit trail's files, as the API documents them.
const (
	defaultAuditSize = 100 << 20
	defaultAuditKeep = 5
)

// audit says where the audit trail is written. The default is left out, as servers of older
// images know of no other.
func (s Server) audit() config.Audit {
	switch s.Spec.Audit.Output {
	case "", v1alpha1.AuditStdout:
		return config.Audit{}
	case v1alpha1.AuditToFile:
		size, keep := s.auditFiles()
		return config.Audit{
			Output: config.AuditFile,
			File:   &config.AuditFiles{Folder: config.AuditDir, MaxSize: size, Keep: keep},
		}
	}
	return config.Audit{Output: config.AuditOutput(s.Spec.Audit.Output)}
}

func (s Server) auditsToFile() bool { return s.Spec.Audit.Output == v1alpha1.AuditToFile }

// auditFiles says how large the files of the audit trail are, and how many full ones are kept.
func (s Server) auditFiles() (size int64, keep int) {
	size, keep = defaultAuditSize, defaultAuditKeep
	if f := s.Spec.Audit.File; f != nil {
		if f.MaxSize != nil {
			size = f.MaxSize.Value()
		}
		if f.Keep != nil {
			keep = int(*f.Keep)
		}
	}
	return size, keep
}

// auditVolume is where the files of the audit trail are: on a claim, or on a volume that
// ends with the pod.
func (s Server) auditVolume() *corev1ac.VolumeApplyConfiguration {
	v := corev1ac.Volume().WithName(config.VolumeAudit)
	if f := s.Spec.Audit.File; f != nil && f.ClaimName != "" {
		return v.WithPersistentVolumeClaim(corev1ac.PersistentVolumeClaimVolumeSource().WithClaimName(f.ClaimName))
	}
	size, keep := s.auditFiles()
	// Besides those that are kept, there are the one that is written, and the one
	// that is removed next.
	limit := resource.NewQuantity(size*int64(keep+2), resource.BinarySI)
	return v.WithEmptyDir(corev1ac.EmptyDirVolumeSource().WithSizeLimit(*limit))
}
