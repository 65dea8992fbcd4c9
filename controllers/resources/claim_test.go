package resources_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestAClaimThatCannotBecomeWhatTheSpecWantsIsTold(t *testing.T) {
	claim := func(class string, modes ...corev1.PersistentVolumeAccessMode) *corev1.PersistentVolumeClaim {
		c := &corev1.PersistentVolumeClaim{}
		c.Name = "files-data"
		c.Spec.AccessModes = modes
		c.Spec.StorageClassName = &class
		return c
	}
	for name, tc := range map[string]struct {
		spec string
		have *corev1.PersistentVolumeClaim
		want string // none: nothing differs
	}{
		"other access modes":          {`{storage: {claim: {accessModes: [ReadWriteMany]}}}`, claim("a", corev1.ReadWriteOnce), "has the access modes [ReadWriteOnce], and storage.claim.accessModes wants [ReadWriteMany]"},
		"another class":               {`{storage: {claim: {storageClassName: b}}}`, claim("a", corev1.ReadWriteOnce), `is of StorageClass "a", and storage.claim.storageClassName wants "b"`},
		"the same":                    {`{storage: {claim: {storageClassName: a}}}`, claim("a", corev1.ReadWriteOnce), ""},
		"more than what is wanted":    {`{storage: {claim: {}}}`, claim("a", corev1.ReadWriteMany), ""},
		"no class is wanted":          {`{storage: {claim: {}}}`, claim("a", corev1.ReadWriteOnce), ""},
		"there is no claim yet":       {`{storage: {claim: {accessModes: [ReadWriteMany]}}}`, nil, ""},
		"somebody else makes a claim": {`{storage: {existingClaim: mine}}`, claim("a", corev1.ReadWriteOncePod), ""},
	} {
		got := server(t, tc.spec).ClaimDiffers(tc.have)
		if tc.want != "" && !strings.Contains(got, "to go on with it as it is, name it in storage.existingClaim and remove storage.claim") {
			t.Errorf("%s: what to do is not said: %s", name, got)
		}
		if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%s: it says %q, want %q", name, got, tc.want)
		}
	}
}
