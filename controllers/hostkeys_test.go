package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// shows waits until the status shows host keys of these types, and returns their
// fingerprints by type.
func shows(t *testing.T, fs *v1alpha1.FileServer, types ...string) map[string]string {
	t.Helper()
	var fingerprints map[string]string
	eventually(t, func() error {
		if err := api.Get(t.Context(), keyOf(fs), fs); err != nil {
			return err
		}
		var got []string
		fingerprints = map[string]string{}
		for _, key := range fs.Status.SSHHostKeys {
			got = append(got, key.Type)
			fingerprints[key.Type] = key.Fingerprint
		}
		if d := cmp.Diff(types, got); d != "" {
			return fmt.Errorf("host keys (-want +got):\n%s", d)
		}
		return nil
	})
	return fingerprints
}

func TestAnRSAHostKeyIsMadeWhereAskedForAndShownNoLonger(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	fs, alice := fileServer(c.ns, "files"), user(c.ns, "alice", "files")
	create(t, fs, alice)
	c.start("files-0", "")
	c.address("files", "198.51.100.41")
	ready(t, fs, v1alpha1.ReasonReady)
	pod := get(t, c.ns, "files-0", c.deployment("files-0")).UID
	want := func(types ...v1alpha1.SSHHostKeyType) { update(t, fs, func() { fs.Spec.SSHHostKeys.Types = types }) }

	before := shows(t, fs, "ssh-ed25519", "ecdsa-sha2-nistp256")
	want(v1alpha1.SSHHostKeyEd25519, v1alpha1.SSHHostKeyECDSA, v1alpha1.SSHHostKeyRSA)
	with := shows(t, fs, "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
	if with["ssh-ed25519"] != before["ssh-ed25519"] || with["ecdsa-sha2-nistp256"] != before["ecdsa-sha2-nistp256"] {
		t.Errorf("the keys that were there are others now: %v, then %v", before, with)
	}
	eventually(t, func() error {
		if known := string(get(t, c.ns, "alice-credentials", &corev1.Secret{}).Data["known_hosts"]); !strings.Contains(known, "ssh-rsa ") {
			return fmt.Errorf("the credentials do not have it: %s", known)
		}
		return nil
	})

	want(v1alpha1.SSHHostKeyRSA)
	shows(t, fs, "ssh-rsa")
	want()
	shows(t, fs, "ssh-ed25519", "ecdsa-sha2-nistp256")
	cfg, err := configFile(t, c.ns, "files")
	if err != nil || len(cfg.SSH.HostKeyFiles) != 2 {
		t.Errorf("the configuration has %v (%v)", cfg.SSH.HostKeyFiles, err)
	}
	want(v1alpha1.SSHHostKeyEd25519, v1alpha1.SSHHostKeyRSA)
	if again := shows(t, fs, "ssh-ed25519", "ssh-rsa"); again["ssh-rsa"] != with["ssh-rsa"] {
		t.Error("an RSA key that was listed again is another one")
	}
	if get(t, c.ns, "files-0", c.deployment("files-0")).UID != pod {
		t.Error("the pods were replaced")
	}
}

func TestAServerThatAsksForAnRSAHostKeyAloneBeginsWhenItIsMade(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	fs := fileServer(c.ns, "files")
	fs.Spec.SSHHostKeys.Types = []v1alpha1.SSHHostKeyType{v1alpha1.SSHHostKeyRSA}
	create(t, fs)
	c.start("files-0", "")
	c.address("files", "198.51.100.42")
	ready(t, fs, v1alpha1.ReasonReady)
	shows(t, fs, "ssh-rsa")
}
