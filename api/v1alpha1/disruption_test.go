package v1alpha1_test

import "testing"

func TestDisruptionRefused(t *testing.T) {
	refused(t, map[string]refusal{
		"a share of pods that is none": {
			`spec: {disruption: {maxUnavailable: half}}`,
			`spec.disruption.maxUnavailable in body should match`,
		},
		"a budget of another kind": {
			`spec: {disruption: {budget: Strict}}`,
			`spec.disruption.budget: Unsupported value: "Strict": supported values: "Managed", "None"`,
		},
	})
}
