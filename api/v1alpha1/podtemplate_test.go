package v1alpha1_test

import "testing"

func TestPodTemplateRefused(t *testing.T) {
	refused(t, map[string]refusal{
		"a user of the host network who cannot bind the ports": {
			`spec: {expose: {type: HostNetwork}, podTemplate: {securityContext: {runAsUser: 1000}}}`,
			`on the host network, ports below 1024 need root, and podTemplate.securityContext.runAsUser names somebody else`,
		},
		"a data port of the host network that another user cannot bind": {
			`spec: {expose: {type: HostNetwork}, protocols: {ftp: {port: 2121}}, podTemplate: {securityContext: {runAsUser: 1000}}}`,
			`on the host network, ports below 1024 need root`,
		},
		"root": {
			`spec: {podTemplate: {securityContext: {runAsUser: 0}}}`,
			`spec.podTemplate.securityContext.runAsUser in body should be greater than or equal to 1`,
		},
		"a group without a user": {
			`spec: {podTemplate: {securityContext: {runAsGroup: 1000}}}`,
			`runAsGroup is given without runAsUser, which container runtimes refuse: give both`,
		},
		"a policy for a group that is not given": {
			`spec: {podTemplate: {securityContext: {fsGroupChangePolicy: Always}}}`,
			`fsGroupChangePolicy says how fsGroup is given to the volume: give fsGroup too, or remove it`,
		},
	})
}
