package v1alpha1_test

import "testing"

func TestEventsRefused(t *testing.T) {
	refused(t, map[string]refusal{
		"no sink": {
			`spec: {events: {}}`,
			`spec.events.sink: Required value`,
		},
		"a sink that is none": {
			`spec: {events: {sink: {caBundle: "-----BEGIN CERTIFICATE-----"}}}`,
			`the sink has neither a ref nor the whole address in uri: write one of them`,
		},
		"a path without a Service": {
			`spec: {events: {sink: {uri: /events}}}`,
			`uri is no address of HTTP: write one such as https://intake.example.com/events`,
		},
		"another scheme": {
			`spec: {events: {sink: {uri: "ftp://intake/events"}}}`,
			`uri is no address of HTTP: write one such as https://intake.example.com/events`,
		},
		"a Service and another address": {
			`spec: {events: {sink: {ref: {name: intake}, uri: "http://other/events"}}}`,
			`with a ref, uri is a path below it, such as /events: write that, or remove ref`,
		},
		"a Service and the host of another": {
			`spec: {events: {sink: {ref: {name: intake}, uri: "//other/events"}}}`,
			`with a ref, uri is a path below it, such as /events: write that, or remove ref`,
		},
		"a password in the address": {
			`spec: {events: {sink: {uri: "https://user:secret@intake/events"}}}`,
			`uri has a user's name, a fragment or a space: write credentials into credentialsSecretRef, and escape other characters (%40, %23, %20)`,
		},
		"certificates without TLS": {
			`spec: {events: {sink: {uri: "http://intake/", caBundle: "-----BEGIN CERTIFICATE-----"}}}`,
			`caBundle is for a sink with TLS: write a uri that begins with https://, or remove caBundle`,
		},
		"another kind": {
			`spec: {events: {sink: {ref: {kind: Pod, name: intake}}}}`,
			`spec.events.sink.ref.kind: Unsupported value: "Pod": supported values: "Service"`,
		},
		"a type that is none": {
			`spec: {events: {sink: {ref: {name: intake}}, types: [Downloaded]}}`,
			`spec.events.types[0]: Unsupported value: "Downloaded"`,
		},
		"a path that is relative": {
			`spec: {events: {sink: {ref: {name: intake}}, paths: ["inbox/**"]}}`,
			`a path does not begin with a slash: write a pattern such as /inbox/**`,
		},
	})
}
