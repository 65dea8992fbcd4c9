package controllers_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

func fingerprint(cert []byte) string {
	block, _ := pem.Decode(cert)
	if block == nil {
		return ""
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:])
}

// expect waits for a condition with a reason, and a message that says some
// things.
func expect(t *testing.T, obj client.Object, kind string, status metav1.ConditionStatus, reason string, says ...string) {
	t.Helper()
	eventually(t, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		c := meta.FindStatusCondition(conditionsOf(obj), kind)
		if c == nil {
			return fmt.Errorf("there is no condition %s", kind)
		}
		if c.Status != status || c.Reason != reason {
			return fmt.Errorf("%s is %s %s (%s), want %s %s", kind, c.Status, c.Reason, c.Message, status, reason)
		}
		if c.ObservedGeneration != obj.GetGeneration() {
			return fmt.Errorf("%s is about generation %d, want %d", kind, c.ObservedGeneration, obj.GetGeneration())
		}
		for _, s := range says {
			if !strings.Contains(c.Message, s) {
				return fmt.Errorf("%s says: %s\nwant in it: %s", kind, c.Message, s)
			}
		}
		return nil
	})
}

func conditionsOf(obj client.Object) []metav1.Condition {
	switch o := obj.(type) {
	case *v1alpha1.FileServer:
		return o.Status.Conditions
	case *v1alpha1.FileServerUser:
		return o.Status.Conditions
	}
	return nil
}

func ready(t *testing.T, obj client.Object, reason string, says ...string) {
	t.Helper()
	expect(t, obj, v1alpha1.ConditionReady, metav1.ConditionTrue, reason, says...)
}

func notReady(t *testing.T, obj client.Object, reason string, says ...string) {
	t.Helper()
	expect(t, obj, v1alpha1.ConditionReady, metav1.ConditionFalse, reason, says...)
}

func reconciling(t *testing.T, obj client.Object, reason string, says ...string) {
	t.Helper()
	expect(t, obj, v1alpha1.ConditionReconciling, metav1.ConditionTrue, reason, says...)
}

func isStalled(t *testing.T, obj client.Object, reason string, says ...string) {
	t.Helper()
	expect(t, obj, v1alpha1.ConditionStalled, metav1.ConditionTrue, reason, says...)
}

func keyOf(obj client.Object) client.ObjectKey { return client.ObjectKeyFromObject(obj) }
