package resources

import (
	"fmt"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

var encryptions = map[v1alpha1.BucketEncryptionType]config.Encryption{
	v1alpha1.BucketEncryptionStore: config.EncryptionStore, v1alpha1.BucketEncryptionKMS: config.EncryptionKMS,
}

func bucketOf(in *v1alpha1.Bucket) *config.Bucket {
	b := &config.Bucket{
		Endpoint: in.Endpoint, Region: in.Region, Name: in.Name, Prefix: in.Prefix, PathStyle: in.PathStyle,
		CA: in.CABundle, StorageClass: in.StorageClass,
	}
	if in.CredentialsSecretRef != nil {
		b.CredentialsDir = config.BucketDir
	}
	if e := in.Encryption; e != nil {
		b.Encryption, b.KMSKeyID = encryptions[e.Type], e.KMSKeyID
	}
	if in.PartSize != nil {
		b.PartSize = in.PartSize.Value()
	}
	return b
}

// BucketFault says why a bucket cannot be used as it is needed, as reason and message of a
// condition.
func (s Server) BucketFault(f *config.BucketFault) (reason, message string) {
	name, secret := "", ""
	if b := s.Spec.Storage.Bucket; b != nil {
		name, secret = b.Name, "the credentials of the pods' service account"
		if b.CredentialsSecretRef != nil {
			secret = fmt.Sprintf("the credentials in the Secret %q", b.CredentialsSecretRef.Name)
		}
	}
	switch {
	case f.Code == "NoSuchBucket":
		return v1alpha1.ReasonBucketNotFound, fmt.Sprintf("There is no bucket %q: create it, or correct storage.bucket.", name)
	case f.Refused:
		return v1alpha1.ReasonBucketDenied, fmt.Sprintf("The store refuses %s on the bucket %q (%s): see to it that %s are right, and allowed to make that request.", f.Call, name, f.Code, secret)
	}
	return v1alpha1.ReasonBucketUnreachable, fmt.Sprintf("The bucket %q cannot be used: %s fails with %q. See storage.bucket.endpoint, region, pathStyle and caBundle, and the store itself.", name, f.Call, f.Code)
}
