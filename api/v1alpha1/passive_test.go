package v1alpha1_test

import "testing"

func TestPassiveRefused(t *testing.T) {
	refused(t, map[string]refusal{
		"a reversed range": {
			`spec: {passive: {ports: {first: 50039, last: 50000}}}`,
			`the range is reversed: write the smaller port first`,
		},
		"half a range": {
			`spec: {passive: {ports: {first: 50000}}}`,
			`spec.passive.ports.last: Required value`,
		},
		"a range that holds a port of the default protocols": {
			`spec: {passive: {ports: {first: 900, last: 999}}}`,
			`passive.ports holds a port of the protocols, which are 20, 21, 22, 989 and 990 by default: choose a range without them`,
		},
		"a range that holds a port of a given protocol": {
			`spec: {protocols: {sftp: {port: 2022}, ftp: {}}, passive: {ports: {first: 2000, last: 2100}}}`,
			`port of protocols.sftp lies in the passive range (passive.ports, which is 50000-50039 by default and 49152-65535 on the host network): set passive.ports to a range without it, or move it`,
		},
		"a range that holds the data port of FTPS": {
			`spec: {protocols: {ftps: {}}, passive: {ports: {first: 900, last: 989}}}`,
			`port or dataPort of protocols.ftps lies in the passive range`,
		},
		"a port in the default range": {
			`spec: {protocols: {ftp: {port: 50010}}}`,
			`port or dataPort of protocols.ftp lies in the passive range`,
		},
		"a port in the default range of the host network": {
			`spec: {protocols: {ftp: {port: 60000}}, expose: {type: HostNetwork}}`,
			`port or dataPort of protocols.ftp lies in the passive range`,
		},
		"a range that holds the pod's own port": {
			`spec: {passive: {ports: {first: 9000, last: 9100}}}`,
			`metrics.port, which is 9090 by default, lies in the passive range`,
		},
		"more replicas than slices": {
			`spec: {replicas: 5}`,
			`replicas times passive.portsPerPod is more than passive.ports has (40 by default): widen passive.ports, or lower passive.portsPerPod or replicas`,
		},
		"more replicas than slices of a given range": {
			`spec: {replicas: 3, passive: {ports: {first: 50000, last: 50019}}}`,
			`replicas times passive.portsPerPod is more than passive.ports has`,
		},
		"a range wider than a Service can hold": {
			`spec: {passive: {ports: {first: 50000, last: 60000}}}`,
			`passive.ports is wider than the 10000 ports that a Service can hold`,
		},
		"a passive address with a port": {
			`spec: {passive: {address: "203.0.113.10:21"}}`,
			`address is neither an IP address nor a host name: write one alone, without port or scheme, such as 203.0.113.10 or ftp.example.com`,
		},
		"an address rule without a network": {
			`spec: {passive: {addressRules: [{clients: [everyone], address: 10.0.0.1}]}}`,
			`clients has something that is not a network: write networks such as 10.0.0.0/8 or 2001:db8::/32`,
		},
		"an address rule with a scheme": {
			`spec: {passive: {addressRules: [{clients: [10.0.0.0/8], address: "ftp://10.0.0.1"}]}}`,
			`address is neither an IP address nor a host name: write one alone`,
		},
	})
}
