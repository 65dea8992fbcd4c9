package resources_test

import (
	"reflect"
	"testing"
)

// The running server reloads these, so they must not replace its pod: neither
// the Deployment nor the entry of the ConfigMap that the pod mounts may change.
func TestWhatTheServerReloadsLeavesThePodAsItIs(t *testing.T) {
	before := server(t, `{}`)
	for name, spec := range map[string]string{
		"active mode":            `{activeMode: Refused}`,
		"ASCII":                  `{ascii: Keep}`,
		"the oldest TLS":         `{tls: {minVersion: "1.3"}}`,
		"atomic uploads":         `{storage: {uploads: Atomic}}`,
		"incomplete uploads":     `{storage: {keepIncomplete: 1h}}`,
		"modes":                  `{storage: {umask: "0022", fileMode: "0640", folderMode: "0750"}}`,
		"the stall timeout":      `{sessions: {stallTimeout: 10m}}`,
		"keepalives":             `{sessions: {countKeepAlives: true}}`,
		"strangers' connections": `{sessions: {maxBeforeLogin: 10}}`,
		"exemptions":             `{sessions: {ban: {exempt: [192.0.2.7]}}}`,
		"limits":                 `{sessions: {max: 1, maxPerUser: 1, maxPerAddress: 1, idleTimeout: 1m, loginGrace: 1s, bandwidth: {upload: 1M}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			after := server(t, spec)
			if before.ConfigKey() != after.ConfigKey() {
				t.Errorf("the pod mounts %s in place of %s", after.ConfigKey(), before.ConfigKey())
			}
			if old, now := before.SlotDeployment(slot(0, 50000, 50009)), after.SlotDeployment(slot(0, 50000, 50009)); !reflect.DeepEqual(old, now) {
				t.Errorf("the Deployment changes:\n%+v\n%+v", old.Spec.Template, now.Spec.Template)
			}
			if reflect.DeepEqual(before.Config(), after.Config()) {
				t.Error("the configuration stays the same")
			}
		})
	}
}
