package resources_test

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// violations are what Pod Security says against the pods of a server.
func violations(t *testing.T, s resources.Server, level api.Level) string {
	t.Helper()
	b, err := json.Marshal(s.SlotDeployment(slot(0, 50000, 50009)).Spec.Template)
	if err != nil {
		t.Fatal(err)
	}
	var pod corev1.PodTemplateSpec
	if err := json.Unmarshal(b, &pod); err != nil {
		t.Fatal(err)
	}
	e, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	result := policy.AggregateCheckResults(e.EvaluatePod(api.LevelVersion{Level: level, Version: api.LatestVersion()}, &pod.ObjectMeta, &pod.Spec))
	if result.Allowed {
		return ""
	}
	return result.ForbiddenDetail()
}

func TestPodsAreRestricted(t *testing.T) {
	for _, spec := range []string{
		`{}`,
		`{protocols: {sftp: {}}}`,
		`{storage: {ephemeral: {}}}`,
		`{expose: {type: NodePort}}`,
		`{expose: {type: ClusterIP}, tls: {secretRef: {name: a}}}`,
	} {
		if v := violations(t, server(t, spec), api.LevelRestricted); v != "" {
			t.Errorf("%s: %s", spec, v)
		}
	}
}

// What OpenShift's security context constraint restricted-v2 asks for, which
// puts in the ids of the namespace where the pod names none.
func TestAPodThatNamesNoIDsSuitsRestrictedV2(t *testing.T) {
	s := server(t, `{podTemplate: {securityContext: {}}}`)
	if v := violations(t, s, api.LevelRestricted); v != "" {
		t.Error(v)
	}
	spec := s.SlotDeployment(slot(0, 50000, 50009)).Spec.Template.Spec
	if sc := spec.SecurityContext; sc.RunAsUser != nil || sc.RunAsGroup != nil || sc.FSGroup != nil || sc.SupplementalGroups != nil {
		t.Errorf("the pod names ids, which must lie in the range of its namespace: %+v", sc)
	}
	for _, v := range spec.Volumes {
		mode := int32(0o444)
		switch {
		case v.ConfigMap != nil:
			mode = *v.ConfigMap.DefaultMode
		case v.Secret != nil:
			mode = *v.Secret.DefaultMode
		case v.Projected != nil:
			mode = *v.Projected.DefaultMode
		case v.PersistentVolumeClaim == nil:
			t.Errorf("the volume %s is of a kind that the constraint does not know", *v.Name)
		}
		if mode != 0o444 {
			t.Errorf("the volume %s has the mode %o, which an unknown user without fsGroup cannot read", *v.Name, mode)
		}
	}
	if s.SlotDeployment(slot(0, 50000, 50009)).Spec.Template.Spec.HostNetwork != nil {
		t.Error("the pod is on the host network")
	}
}

func TestPodsOnTheHostNetworkAreRestrictedInAllElse(t *testing.T) {
	v := violations(t, server(t, `{expose: {type: HostNetwork}}`), api.LevelBaseline)
	if want := "host namespaces (hostNetwork=true)"; v != want {
		t.Errorf("Pod Security baseline forbids: %s; want only: %s", v, want)
	}
	v = violations(t, server(t, `{expose: {type: HostNetwork}, protocols: {ftp: {port: 2121, dataPort: 2120}}}`), api.LevelRestricted)
	if want := "host namespaces (hostNetwork=true)"; v != want {
		t.Errorf("with high ports, Pod Security restricted forbids: %s; want only: %s", v, want)
	}
}
