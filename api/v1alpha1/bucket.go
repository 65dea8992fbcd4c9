package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// Bucket holds the files, by the API of S3. Pods then share no volume, and run
// on any nodes.
//
// +kubebuilder:validation:XValidation:rule="!has(self.endpoint) || !self.endpoint.startsWith('http://') || !has(self.caBundle)",message="caBundle is for an endpoint with TLS: write one that begins with https://, or remove caBundle"
type Bucket struct {
	// name of the bucket, which has to exist.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]$')",message="this is not the name of a bucket: it has letters, digits, dots, dashes and underscores, such as partner-files"
	Name string `json:"name,omitempty"`

	// endpoint is the URL of the API, such as https://s3.example.com; left
	// out, that of AWS in the region.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && (self.startsWith('https://') || self.startsWith('http://'))",message="this is not a URL: write one such as https://s3.example.com"
	Endpoint string `json:"endpoint,omitempty"`

	// region is what requests are signed for; left out, us-east-1, which most
	// stores other than AWS take.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Region string `json:"region,omitempty"`

	// prefix is the folder in the bucket that holds the homes of all users,
	// such as files/ftp; left out, the whole bucket.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.endsWith('/') && !self.split('/').exists(part, part == '' || part == '.' || part == '..')",message="this is not a prefix: write a path without slashes around it, such as files/ftp"
	Prefix string `json:"prefix,omitempty"`

	// pathStyle has the bucket's name in the path of requests and not in the
	// host, as many stores other than AWS want it.
	// +optional
	PathStyle bool `json:"pathStyle,omitempty"`

	// credentialsSecretRef names the Secret with the entries
	// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if there is one,
	// AWS_SESSION_TOKEN, such as that of an ObjectBucketClaim. A change counts
	// within about a minute, in transfers that run too. Left out, the
	// credentials are those that the platform gives to the service account in
	// podTemplate.serviceAccountName, or to the node.
	// +optional
	CredentialsSecretRef *SecretReference `json:"credentialsSecretRef,omitempty"`

	// caBundle has the certificates, in PEM, by which that of the endpoint is
	// checked; left out, those that are well known.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	// +kubebuilder:validation:XValidation:rule="self.contains('-----BEGIN CERTIFICATE-----')",message="this is not a certificate in PEM: write one that begins with -----BEGIN CERTIFICATE-----"
	CABundle string `json:"caBundle,omitempty"`

	// encryption says how the store encrypts new objects; left out, as the
	// bucket has it by default.
	// +optional
	Encryption *BucketEncryption `json:"encryption,omitempty"`

	// storageClass of new objects, as the store calls it, such as STANDARD_IA;
	// left out, the bucket's default.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	StorageClass string `json:"storageClass,omitempty"`

	// partSize is how much of an upload is sent at once, between 5Mi and
	// 512Mi; default 8Mi. A file has 5 TiB at most. In a store that wants parts
	// of one size (R2), it has 8,000 of them: 62 GiB by default. A pod has as many
	// parts in memory as fit in a quarter of its memory limit.
	// +optional
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).compareTo(quantity('5Mi')) >= 0 && quantity(string(self)).compareTo(quantity('512Mi')) <= 0",message="partSize is not between 5Mi and 512Mi"
	PartSize *resource.Quantity `json:"partSize,omitempty"`
}

// BucketEncryption is how a store encrypts objects.
//
// +kubebuilder:validation:XValidation:rule="self.type == 'KMS' || !has(self.kmsKeyID)",message="kmsKeyID is for the type KMS: write that one, or remove kmsKeyID"
type BucketEncryption struct {
	// type says whose keys are used. Store: the store's own (AES256). KMS: those
	// of a key management service.
	// +required
	Type BucketEncryptionType `json:"type,omitempty"`

	// kmsKeyID is the key of the key management service; left out, the one
	// that it has for the store.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	KMSKeyID string `json:"kmsKeyID,omitempty"`
}

// BucketEncryptionType says whose keys a store encrypts with.
// +kubebuilder:validation:Enum=Store;KMS
type BucketEncryptionType string

const (
	// BucketEncryptionStore is with keys of the store.
	BucketEncryptionStore BucketEncryptionType = "Store"
	// BucketEncryptionKMS is with keys of a key management service.
	BucketEncryptionKMS BucketEncryptionType = "KMS"
)
