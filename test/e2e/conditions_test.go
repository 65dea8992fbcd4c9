//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

func TestManifestsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	n := newSpace(t)
	for name, tc := range map[string]struct{ spec, want string }{
		"two protocols on one port":        {"{protocols: {ftp: {port: 22}, sftp: {port: 22}}}", "a port in common"},
		"a passive range with a port":      {"{passive: {ports: {first: 900, last: 1000}}}", "passive.ports holds a port of the protocols"},
		"a reversed range":                 {"{passive: {ports: {first: 50010, last: 50000}}}", "reversed"},
		"an unknown field":                 {"{protokols: {}}", `unknown field "spec.protokols"`},
		"no protocol":                      {"{protocols: {}}", "no protocol is enabled"},
		"more replicas than the range has": {"{replicas: 5}", "widen passive.ports"},
	} {
		t.Run(name, func(t *testing.T) {
			err := n.tryApply("apiVersion: fileserver.dev/v1alpha1\nkind: FileServer\nmetadata: {name: bad}\nspec: " + tc.spec)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want a refusal with %q", err, tc.want)
			}
		})
	}
}

func TestWhatOnlyTheClusterKnowsIsACondition(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spec   string
		reason string
		says   []string
	}{
		"a Secret that is missing":       {"{tls: {secretRef: {name: nowhere}}}", "SecretNotFound", []string{"nowhere"}},
		"a claim that stays pending":     {"{storage: {claim: {storageClassName: nowhere}}}", "", []string{"nowhere"}},
		"an image that cannot be pulled": {"{image: 'fileserver.invalid/none:1', imagePullPolicy: Never}", "", []string{"fileserver.invalid/none:1"}},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			n := newSpace(t)
			n.apply("apiVersion: fileserver.dev/v1alpha1\nkind: FileServer\nmetadata: {name: bad}\nspec: " + tc.spec)
			n.eventually("the condition", func() error {
				got := n.kubectl("get", "fileserver", "bad", "-o", `jsonpath={range .status.conditions[?(@.type=="Ready")]}{.status} {.reason} {.message}{end}`)
				if !strings.HasPrefix(got, "False "+tc.reason) {
					return fmt.Errorf("Ready is %q, want False %s", got, tc.reason)
				}
				for _, s := range tc.says {
					if !strings.Contains(got, s) {
						return fmt.Errorf("Ready is %q, which does not say %q", got, s)
					}
				}
				return nil
			})
		})
	}
}

func TestKubectlShowsAtAGlance(t *testing.T) {
	t.Parallel()
	n := newSpace(t)
	target := n.serve("{}")
	lines := strings.Split(n.kubectl("get", "fileserver"), "\n")
	if len(lines) != 2 {
		t.Fatalf("got %q", lines)
	}
	for _, want := range []string{"NAME", "READY", "ADDRESS", "AGE"} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("no column %s in %q", want, lines[0])
		}
	}
	for _, want := range []string{"files", "True", target.Host, "21", "990", "22"} {
		if !strings.Contains(lines[1], want) {
			t.Errorf("no %s in %q", want, lines[1])
		}
	}
	status := n.kubectl("get", "fileserver", "files", "-o", "jsonpath={.status}")
	for _, want := range []string{"ftp://", "ftps://", "sftp://", `"SHA256:`, "ssh-ed25519", "ecdsa-sha2-nistp256"} {
		if !strings.Contains(status, want) {
			t.Errorf("no %s in the status %s", want, status)
		}
	}
	explained := n.kubectl("explain", "fileserver.spec")
	for _, want := range []string{"protocols", "passive", "expose", "storage", "Left out"} {
		if !strings.Contains(explained, want) {
			t.Errorf("kubectl explain does not say %q:\n%s", want, explained)
		}
	}
}
