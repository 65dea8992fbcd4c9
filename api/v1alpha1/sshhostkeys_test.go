package v1alpha1_test

import "testing"

func TestSSHHostKeysRefused(t *testing.T) {
	refused(t, map[string]refusal{
		"kinds of keys beside one's own": {
			`spec: {sshHostKeys: {secretRef: {name: a}, types: [RSA]}}`,
			`sshHostKeys has both secretRef and types: with secretRef the keys are those in your Secret, so remove one of them`,
		},
		"a kind of key that is none": {
			`spec: {sshHostKeys: {types: [DSA]}}`,
			`spec.sshHostKeys.types[0]: Unsupported value: "DSA": supported values: "Ed25519", "ECDSA", "RSA"`,
		},
		"no kind of key": {
			`spec: {sshHostKeys: {types: []}}`,
			`spec.sshHostKeys.types in body should have at least 1 items`,
		},
		"a kind of key twice": {
			`spec: {sshHostKeys: {types: [RSA, RSA]}}`,
			`spec.sshHostKeys.types[1]: Duplicate value: "RSA"`,
		},
	})
}
