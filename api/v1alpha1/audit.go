package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// Audit says where the audit trail is written: a line of JSON for each session, login,
// transfer and change of a file, and for whatever was refused.
// +kubebuilder:validation:XValidation:rule="!has(self.file) || self.output == 'File'",message="file is for the output File: set output to File, or remove file"
type Audit struct {
	// output is Stdout, File or None. Stdout, the default, writes the lines with
	// all else that the pods log, where collectors of a cluster's logs find them.
	// File writes files, which are turned over when they are full. None writes no
	// lines; the metrics still count. A change between Stdout and None counts at
	// once; one to or from File replaces the pods, without a cut.
	// +optional
	// +kubebuilder:default=Stdout
	Output AuditOutput `json:"output,omitempty"`

	// file says where the files are, and how many. Left out with the output File,
	// they are on a volume of the pod.
	// +optional
	File *AuditFile `json:"file,omitempty"`
}

// AuditOutput says where the audit trail is written.
// +kubebuilder:validation:Enum=Stdout;File;None
type AuditOutput string

const (
	// AuditStdout writes to the pods' logs.
	AuditStdout AuditOutput = "Stdout"
	// AuditToFile writes files.
	AuditToFile AuditOutput = "File"
	// AuditNone writes nothing.
	AuditNone AuditOutput = "None"
)

// AuditFile says where the files of the audit trail are, and how many. A change replaces
// the pods, without a cut.
type AuditFile struct {
	// claimName names a PersistentVolumeClaim in the same namespace for the files of
	// all pods; several pods on several nodes need one with the access mode
	// ReadWriteMany. Take another one than that of storage: there users could change
	// the files, and fill the volume. Left out, the files are on an emptyDir, the
	// pod's volume "audit", which ends with the pod: for a collector that is
	// injected as a sidecar, or that reads the volumes of a node.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ClaimName string `json:"claimName,omitempty"`

	// maxSize is how large a file gets before another one begins; default 100Mi.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!quantity(string(self)).isLessThan(quantity('64Ki'))",message="maxSize is below 64Ki: write a size such as 100Mi"
	MaxSize *resource.Quantity `json:"maxSize,omitempty"`

	// keep is how many full files of all pods together are kept on the volume,
	// besides the one that each pod writes; default 5. The oldest are removed.
	// +optional
	// +kubebuilder:default=5
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Keep *int32 `json:"keep,omitempty"`
}
