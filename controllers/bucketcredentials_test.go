package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// Credentials expire: pods are to have the new ones before the kubelet comes by.
func TestNewCredentialsForABucketArePushedToThePods(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	keys := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: "keys"},
		StringData: map[string]string{"AWS_ACCESS_KEY_ID": "old", "AWS_SECRET_ACCESS_KEY": "old"},
	}
	create(t, keys)
	fs := fileServer(c.ns, "files")
	fs.Spec.Storage.Bucket = &v1alpha1.Bucket{Name: "partner-files", CredentialsSecretRef: &v1alpha1.SecretReference{Name: "keys"}}
	create(t, fs)
	pod := c.start("files-0", "")
	c.address("files", "198.51.100.34")
	ready(t, fs, v1alpha1.ReasonReady)
	told := func() (string, error) {
		err := api.Get(t.Context(), client.ObjectKeyFromObject(pod), pod)
		return pod.Annotations[v1alpha1.AnnotationRefresh], err
	}
	if before, err := told(); err != nil || strings.HasPrefix(before, "credentials-") {
		t.Fatalf("the pod was told of %q before there was a change, %v", before, err)
	}
	update(t, keys, func() { keys.StringData = map[string]string{"AWS_SECRET_ACCESS_KEY": "new"} })
	eventually(t, func() error {
		if value, err := told(); err != nil || !strings.HasPrefix(value, "credentials-") || !strings.HasSuffix(value, ".3") {
			return fmt.Errorf("the pod is told of %q, %w", value, err)
		}
		return nil
	})
}
