package resources_test

import (
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestWhyABucketCannotBeUsedIsASentenceThatSaysWhatToDo(t *testing.T) {
	t.Parallel()
	withSecret := `{storage: {bucket: {name: files, credentialsSecretRef: {name: my-bucket}}}}`
	for name, tc := range map[string]struct {
		spec            string
		fault           config.BucketFault
		reason, message string
	}{
		"there is none": {
			withSecret, config.BucketFault{Call: "ListObjectsV2", Code: "NoSuchBucket"},
			"BucketNotFound", `There is no bucket "files": create it, or correct storage.bucket.`,
		},
		"a request is not allowed": {
			withSecret, config.BucketFault{Call: "PutObject", Code: "AccessDenied", Refused: true},
			"BucketDenied", `The store refuses PutObject on the bucket "files" (AccessDenied): see to it that the credentials in the Secret "my-bucket" are right, and allowed to make that request.`,
		},
		"the platform gives no credentials": {
			`{storage: {bucket: {name: files}}}`, config.BucketFault{Call: "ListObjectsV2", Code: "NoCredentials", Refused: true},
			"BucketDenied", `The store refuses ListObjectsV2 on the bucket "files" (NoCredentials): see to it that the credentials of the pods' service account are right, and allowed to make that request.`,
		},
		"no answer": {
			withSecret, config.BucketFault{Call: "ListObjectsV2", Code: "connection refused"},
			"BucketUnreachable", `The bucket "files" cannot be used: ListObjectsV2 fails with "connection refused". See storage.bucket.endpoint, region, pathStyle and caBundle, and the store itself.`,
		},
	} {
		s := server(t, tc.spec)
		if reason, message := s.BucketFault(&tc.fault); reason != tc.reason || message != tc.message {
			t.Errorf("%s: %s: %s", name, reason, message)
		}
	}
}
