package v1alpha1_test

import "testing"

func TestMetricsRefused(t *testing.T) {
	refused(t, map[string]refusal{
		"metrics on a port of SFTP": {
			`spec: {protocols: {sftp: {port: 2022}}, metrics: {port: 2022}}`,
			`metrics.port, which is 9090 by default, is a port of the protocols too: choose another one for either`,
		},
		"metrics on the data port of FTPS": {
			`spec: {protocols: {ftps: {dataPort: 9989}}, metrics: {port: 9989}}`,
			`is a port of the protocols too`,
		},
		"metrics in the default range": {
			`spec: {metrics: {port: 50039}}`,
			`metrics.port, which is 9090 by default, lies in the passive range (passive.ports, which is 50000-50039 by default and 49152-65535 on the host network): set passive.ports to a range without it, or move it`,
		},
		"metrics in the default range of the host network": {
			`spec: {metrics: {port: 60000}, expose: {type: HostNetwork}}`,
			`lies in the passive range`,
		},
		"metrics on a port of root's": {
			`spec: {metrics: {port: 80}}`,
			`spec.metrics.port in body should be greater than or equal to 1024`,
		},
	})
}
