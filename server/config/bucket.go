package config

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// Bucket says which bucket holds the files, by the API of S3.
type Bucket struct {
	// Endpoint is the URL of the API; default that of AWS in the region.
	Endpoint string `json:"endpoint,omitempty"`
	// Region is what requests are signed for; default us-east-1.
	Region string `json:"region,omitempty"`
	// Name of the bucket.
	Name string `json:"name"`
	// Prefix is the folder in the bucket that holds the homes of all users;
	// default the whole bucket.
	Prefix string `json:"prefix,omitempty"`
	// PathStyle has the bucket's name in the path of requests and not in the host.
	PathStyle bool `json:"pathStyle,omitempty"`
	// CredentialsDir is the absolute path of a folder with the files
	// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if there is one,
	// AWS_SESSION_TOKEN, which are read again when they change. Default: what the
	// platform gives to the process.
	CredentialsDir string `json:"credentialsDir,omitempty"`
	// CA has the certificates, in PEM, by which that of the endpoint is checked;
	// default those of the system.
	CA string `json:"ca,omitempty"`
	// Encryption is how the store encrypts new objects; default what the bucket
	// says.
	Encryption Encryption `json:"encryption,omitempty"`
	// KMSKeyID is the key for the encryption aws:kms; default the store's own.
	KMSKeyID string `json:"kmsKeyID,omitempty"`
	// StorageClass of new objects; default what the bucket says.
	StorageClass string `json:"storageClass,omitempty"`
	// PartSize is how many bytes of an upload are sent at once. A file has up to
	// 8,000 such parts, and then larger ones; default 8 MiB.
	PartSize int64 `json:"partSize,omitempty"`
}

// Encryption is how a store encrypts objects.
type Encryption string

const (
	// EncryptionStore is with keys of the store.
	EncryptionStore Encryption = "AES256"
	// EncryptionKMS is with keys of a key management service.
	EncryptionKMS Encryption = "aws:kms"
)

// MinPartSize and MaxPartSize bound the parts of uploads.
const (
	MinPartSize = 5 << 20
	MaxPartSize = 512 << 20
)

// BucketFault says what a bucket cannot be used for.
type BucketFault struct {
	// Call is the request that fails, such as PutObject.
	Call string `json:"call"`
	// Code is the store's word for the reason, such as AccessDenied or
	// NoSuchBucket, or a short text if no answer came.
	Code string `json:"code"`
	// Refused is true if the store does not allow the request, or there are no
	// credentials to sign it with.
	Refused bool `json:"refused,omitempty"`
}

func (b *Bucket) validate(p *problems) {
	if b.Name == "" || strings.ContainsAny(b.Name, "/ ") {
		p.add("storage.bucket.name", "is %q; it is the name of a bucket", b.Name)
	}
	if u, err := url.Parse(b.Endpoint); b.Endpoint != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		p.add("storage.bucket.endpoint", "is %q; it is a URL such as https://s3.example.com", b.Endpoint)
	}
	if x := b.Prefix; x != "" && path.Clean("/"+x) != "/"+strings.Trim(x, "/") {
		p.add("storage.bucket.prefix", "is %q; it is a path such as files/ftp", b.Prefix)
	}
	if b.CredentialsDir != "" && !path.IsAbs(b.CredentialsDir) {
		p.add("storage.bucket.credentialsDir", "is %q; it is an absolute path", b.CredentialsDir)
	}
	if !slices.Contains([]Encryption{"", EncryptionStore, EncryptionKMS}, b.Encryption) {
		p.add("storage.bucket.encryption", "is %q; it is AES256 or aws:kms", b.Encryption)
	}
	if n := b.PartSize; n != 0 && (n < MinPartSize || n > MaxPartSize) {
		p.add("storage.bucket.partSize", "is %d; it is from %d to %d", n, MinPartSize, MaxPartSize)
	}
}
