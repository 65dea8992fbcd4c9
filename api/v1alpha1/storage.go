package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Storage is where the files are: one of claim, existingClaim, ephemeral and bucket.
//
// +kubebuilder:validation:XValidation:rule="[has(self.claim), has(self.existingClaim), has(self.ephemeral), has(self.bucket)].filter(x, x).size() <= 1",message="storage has more than one of claim, existingClaim, ephemeral and bucket: keep one"
// +kubebuilder:validation:XValidation:rule="!has(self.bucket) || !has(self.umask) && !has(self.fileMode) && !has(self.folderMode)",message="objects in a bucket have no modes: remove umask, fileMode and folderMode"
// +kubebuilder:validation:XValidation:rule="!has(self.bucket) || !has(self.uploads) || self.uploads == 'Atomic'",message="what is uploaded to a bucket gets its name when it is complete: remove uploads, or write Atomic"
// +kubebuilder:validation:XValidation:rule="has(oldSelf.claim) || has(oldSelf.existingClaim) || has(oldSelf.ephemeral) || has(oldSelf.bucket) || !has(self.claim) || self.claim.accessModes == ['ReadWriteOnce']",message="without storage.claim the claim was made with the access mode ReadWriteOnce, and accessModes cannot change while the claim exists: leave them out, or move the files to a FileServer with the other modes"
// +kubebuilder:validation:XValidation:rule="has(self.claim) || has(self.existingClaim) || has(self.ephemeral) || has(self.bucket) || !has(oldSelf.claim) || oldSelf.claim.accessModes == ['ReadWriteOnce']",message="without storage.claim the access mode is ReadWriteOnce, and accessModes cannot change while the claim exists: keep storage.claim as it is, or name the claim in storage.existingClaim"
type Storage struct {
	// claim is a PersistentVolumeClaim that is made, named after the
	// FileServer with "-data" added. It is kept when the FileServer is
	// deleted, and used again by one of the same name.
	// +optional
	Claim *Claim `json:"claim,omitempty"`

	// existingClaim is the name of a PersistentVolumeClaim of yours.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ExistingClaim string `json:"existingClaim,omitempty"`

	// ephemeral keeps the files with the pod, and loses them with it.
	// +optional
	Ephemeral *Ephemeral `json:"ephemeral,omitempty"`

	// bucket keeps the files in a bucket that speaks the API of S3.
	// +optional
	Bucket *Bucket `json:"bucket,omitempty"`

	// uploads says when a file that is being uploaded gets its name. Atomic:
	// when it is complete, so that nobody reads half a file, and an upload
	// that fails leaves the file that was there before. Direct, the default:
	// at once. In a bucket it is always Atomic.
	// +optional
	Uploads UploadMode `json:"uploads,omitempty"`

	// keepIncomplete is how long an upload that was cut is kept hidden, for
	// its user to go on with; default 168h, which is 7 days. Then it is
	// removed. It matters where uploads are hidden until they are complete:
	// with uploads Atomic, in a bucket, and for users with the access
	// WriteOnly. A change counts at once.
	// +optional
	KeepIncomplete Duration `json:"keepIncomplete,omitempty"`

	// umask has the permissions that new files and folders do not get, in
	// octal and quotes; default "0007". Example, for programs of other users
	// beside the server that read the files: "0022". Files that exist keep
	// their modes. A change counts at once.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!self.matches('^0?[1-7][0-7][0-7]$')",message="umask takes permissions from the owner, which is the server itself, so that it could not serve the files: write one whose first digit is 0, such as 0027"
	Umask FileMode `json:"umask,omitempty"`

	// fileMode is the mode of every new file, in octal and quotes, such as
	// "0640"; it is used in place of what the client asks for and the umask
	// leaves. Left out, those two decide. A change counts at once.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!self.matches('^0?[0-5][0-7][0-7]$')",message="fileMode does not let the owner, which is the server itself, read and write: write one that begins with 06 or 07, such as 0640"
	FileMode FileMode `json:"fileMode,omitempty"`

	// folderMode is the mode of every new folder, in octal and quotes, such
	// as "0750"; it is used in place of what the client asks for and the
	// umask leaves. Left out, those two decide. A change counts at once.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!self.matches('^0?[0-6][0-7][0-7]$')",message="folderMode does not let the owner, which is the server itself, read, write and enter: write one that begins with 07, such as 0750"
	FolderMode FileMode `json:"folderMode,omitempty"`
}

// UploadMode says when a file that is being uploaded gets its name.
// +kubebuilder:validation:Enum=Direct;Atomic
type UploadMode string

const (
	// UploadDirect gives it at once.
	UploadDirect UploadMode = "Direct"
	// UploadAtomic gives it when the file is complete.
	UploadAtomic UploadMode = "Atomic"
)

// FileMode is permissions in octal, such as "0640". It stands in quotes, since
// YAML takes 0640 for the number 416.
//
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=4
// +kubebuilder:validation:XValidation:rule="self.matches('^0?[0-7][0-7][0-7]$')",message="this is not a mode: write three octal digits for owner, group and others after a 0, in quotes, such as 0640; special bits (setuid, setgid, sticky) cannot be set here"
type FileMode string

// Claim describes a PersistentVolumeClaim.
//
// +kubebuilder:validation:XValidation:rule="has(self.selector) == has(oldSelf.selector) && has(self.volumeName) == has(oldSelf.volumeName) && has(self.dataSourceRef) == has(oldSelf.dataSourceRef)",message="selector, volumeName and dataSourceRef count when the claim is made: they cannot be added or removed later; move the files to a FileServer with the other claim"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.volumeAttributesClassName) || has(self.volumeAttributesClassName)",message="volumeAttributesClassName cannot be removed: name another class"
type Claim struct {
	// size is the capacity; default 10Gi. It can grow, where the StorageClass
	// allows that, and never shrink.
	// +optional
	// +kubebuilder:default="10Gi"
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).isGreaterThan(quantity('0'))",message="size is not above zero: write an amount such as 10Gi"
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).compareTo(quantity(string(oldSelf))) >= 0",message="size would shrink, which volumes cannot: keep the old size, or move the files to a FileServer with a smaller one"
	Size *resource.Quantity `json:"size,omitempty"`

	// storageClassName is the StorageClass; left out, the default one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="storageClassName cannot change while the claim exists: move the files to a FileServer with the other class"
	StorageClassName string `json:"storageClassName,omitempty"`

	// accessModes say from where the volume is used. With ReadWriteOnce, the
	// default, all pods run on one node; ReadWriteMany lets them spread, and so
	// does ReadOnlyMany, with which clients can only list and download. They
	// cannot change while the claim exists, and so cannot be given, other than the
	// default, to a FileServer that was made without: to go on with a claim that
	// is as it should be, name it in existingClaim.
	// +optional
	// +listType=set
	// +kubebuilder:default={ReadWriteOnce}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="accessModes cannot change while the claim exists: move the files to a FileServer with the other modes"
	AccessModes []AccessMode `json:"accessModes,omitempty"`

	// selector wants a volume with these labels. It cannot change later.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="selector cannot change while the claim exists: move the files to a FileServer with the other volume"
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// volumeName is the PersistentVolume that is wanted, by its name. It
	// cannot change later.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="volumeName cannot change while the claim exists: move the files to a FileServer with the other volume"
	VolumeName string `json:"volumeName,omitempty"`

	// dataSourceRef names what the volume is filled from when it is made,
	// such as a VolumeSnapshot or another claim, in the same namespace. It
	// cannot change later.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="dataSourceRef cannot change while the claim exists: make a FileServer with another name from the other source"
	DataSourceRef *DataSourceReference `json:"dataSourceRef,omitempty"`

	// volumeAttributesClassName is the VolumeAttributesClass, which may change
	// while the volume is in use.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	VolumeAttributesClassName string `json:"volumeAttributesClassName,omitempty"`

	// labels are put on the claim.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Labels map[string]string `json:"labels,omitempty"`

	// annotations are put on the claim.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Annotations map[string]string `json:"annotations,omitempty"`
}

// DataSourceReference names an object in the same namespace.
type DataSourceReference struct {
	// apiGroup of the object, such as snapshot.storage.k8s.io; left out, the
	// core group, to which claims belong.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	APIGroup string `json:"apiGroup,omitempty"`

	// kind of the object, such as VolumeSnapshot or PersistentVolumeClaim.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`

	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// AccessMode says from where a volume is used.
// +kubebuilder:validation:Enum=ReadWriteOnce;ReadWriteMany;ReadWriteOncePod;ReadOnlyMany
type AccessMode string

const (
	// AccessOneNode is for the pods of one node.
	AccessOneNode AccessMode = "ReadWriteOnce"
	// AccessManyNodes is for all pods.
	AccessManyNodes AccessMode = "ReadWriteMany"
	// AccessOnePod is for one pod.
	AccessOnePod AccessMode = "ReadWriteOncePod"
	// AccessReadOnly is for all pods, which read alone.
	AccessReadOnly AccessMode = "ReadOnlyMany"
)

// Ephemeral is storage that ends with its pod.
type Ephemeral struct {
	// sizeLimit is how much may be stored before the pod is evicted, such as
	// 1Gi; left out, as much as the node has.
	// +optional
	SizeLimit *resource.Quantity `json:"sizeLimit,omitempty"`
}

// WantedClaim is the claim to make, nil if none is: the default one, where
// nothing is chosen.
func (s Storage) WantedClaim() *Claim {
	switch {
	case s.Claim != nil:
		return s.Claim
	case s.ExistingClaim != "" || s.Ephemeral != nil || s.Bucket != nil:
		return nil
	}
	size := resource.MustParse("10Gi")
	return &Claim{Size: &size, AccessModes: []AccessMode{AccessOneNode}}
}
