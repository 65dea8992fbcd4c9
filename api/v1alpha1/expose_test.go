package v1alpha1_test

import "testing"

func TestExposeRefused(t *testing.T) {
	refused(t, map[string]refusal{
		"a source range that is none": {
			`spec: {expose: {loadBalancer: {sourceRanges: [192.0.2.1]}}}`,
			`sourceRanges has something that is not a network: write networks such as 192.0.2.0/24 or 2001:db8::/32`,
		},
		"a balancer's setting without a balancer": {
			`spec: {expose: {type: NodePort, loadBalancer: {class: example.com/lb}}}`,
			`loadBalancer is for the type LoadBalancer: remove it, or set that type`,
		},
		"a balancer's address that is a name": {
			`spec: {expose: {loadBalancer: {address: ftp.example.com}}}`,
			`address is not an IP address: write one such as 203.0.113.10; a host name that clients are told belongs into passive.address`,
		},
		"a traffic policy inside the cluster": {
			`spec: {expose: {type: ClusterIP, nodePort: {externalTrafficPolicy: Local}}}`,
			`nodePort is for the type NodePort: remove it, or set that type`,
		},
		"a network of PROXY headers that is none": {
			`spec: {expose: {proxyProtocolFrom: [balancer]}}`,
			`proxyProtocolFrom has something that is not a network: write networks such as 10.0.0.0/8`,
		},
		"replicas on several nodes behind node ports that keep to one": {
			`spec: {replicas: 2, expose: {type: NodePort, nodePort: {externalTrafficPolicy: Local}}, storage: {claim: {accessModes: [ReadWriteMany]}}}`,
			`a node would drop data connections for pods elsewhere`,
		},
		"replicas on several nodes behind a balancer that keeps to one": {
			`spec: {replicas: 2, expose: {loadBalancer: {externalTrafficPolicy: Local}}, storage: {claim: {accessModes: [ReadWriteMany]}}}`,
			`a node would drop data connections for pods elsewhere`,
		},
	})
}
