package v1alpha1_test

import "testing"

func TestAuditRefused(t *testing.T) {
	refused(t, map[string]refusal{
		"an output that is none": {
			`spec: {audit: {output: Syslog}}`,
			`spec.audit.output: Unsupported value: "Syslog": supported values: "Stdout", "File", "None"`,
		},
		"files of another output": {
			`spec: {audit: {file: {keep: 1}}}`,
			`file is for the output File: set output to File, or remove file`,
		},
		"files that are too small": {
			`spec: {audit: {output: File, file: {maxSize: 1Ki}}}`,
			`maxSize is below 64Ki: write a size such as 100Mi`,
		},
		"fewer files than none": {
			`spec: {audit: {output: File, file: {keep: -1}}}`,
			`spec.audit.file.keep in body should be greater than or equal to 0`,
		},
	})
}
