package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// Storage is where the files are: one of claim, existingClaim and ephemeral.
//
// +kubebuilder:validation:XValidation:rule="[has(self.claim), has(self.existingClaim), has(self.ephemeral)].filter(x, x).size() <= 1",message="storage has more than one of claim, existingClaim and ephemeral: keep one"
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

	// atomicUploads keeps an upload hidden until it is complete, so that
	// nobody reads half a file.
	// +optional
	AtomicUploads bool `json:"atomicUploads,omitempty"`
}

// Claim describes a PersistentVolumeClaim.
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
	// default, all pods run on one node; ReadWriteMany lets them spread.
	// +optional
	// +listType=set
	// +kubebuilder:default={ReadWriteOnce}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	AccessModes []AccessMode `json:"accessModes,omitempty"`

	// labels are put on the claim.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Labels map[string]string `json:"labels,omitempty"`

	// annotations are put on the claim.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Annotations map[string]string `json:"annotations,omitempty"`
}

// AccessMode says from where a volume is used.
// +kubebuilder:validation:Enum=ReadWriteOnce;ReadWriteMany;ReadWriteOncePod
type AccessMode string

const (
	// AccessOneNode is for the pods of one node.
	AccessOneNode AccessMode = "ReadWriteOnce"
	// AccessManyNodes is for all pods.
	AccessManyNodes AccessMode = "ReadWriteMany"
	// AccessOnePod is for one pod.
	AccessOnePod AccessMode = "ReadWriteOncePod"
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
	case s.ExistingClaim != "" || s.Ephemeral != nil:
		return nil
	}
	size := resource.MustParse("10Gi")
	return &Claim{Size: &size, AccessModes: []AccessMode{AccessOneNode}}
}
