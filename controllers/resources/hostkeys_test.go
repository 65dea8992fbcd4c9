package resources_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

var all = []v1alpha1.SSHHostKeyType{v1alpha1.SSHHostKeyEd25519, v1alpha1.SSHHostKeyECDSA, v1alpha1.SSHHostKeyRSA}

func rsaKey() crypto.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func TestHostKeysAreMadeOnceAndKept(t *testing.T) {
	first, err := resources.GenerateHostKeys(nil, all, rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := resources.ReadHostKeys(first)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, k := range keys.Status {
		types = append(types, k.Type)
		if !strings.HasPrefix(k.Fingerprint, "SHA256:") {
			t.Errorf("the fingerprint is %q", k.Fingerprint)
		}
	}
	if d := cmp.Diff([]string{"ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"}, types); d != "" {
		t.Errorf("types (-want +got):\n%s", d)
	}

	without, err := resources.GenerateHostKeys(nil, all, func() crypto.PrivateKey { return nil })
	if err != nil || len(without) != 2 || resources.HasHostKey(without, v1alpha1.SSHHostKeyRSA) || !resources.HasHostKey(first, v1alpha1.SSHHostKeyRSA) {
		t.Errorf("without an RSA key at hand there are %d keys (%v), want 2", len(without), err)
	}

	lost := maps.Clone(first)
	delete(lost, "ssh_host_ecdsa_key")
	again, err := resources.GenerateHostKeys(lost, all, rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again["ssh_host_ed25519_key"], first["ssh_host_ed25519_key"]) || !bytes.Equal(again["ssh_host_rsa_key"], first["ssh_host_rsa_key"]) {
		t.Error("a key that was there was made anew")
	}
	if len(again["ssh_host_ecdsa_key"]) == 0 {
		t.Error("a key that was lost was not made anew")
	}
}

func TestAKeyThatIsNotWantedAnyMoreIsKeptAndNotShown(t *testing.T) {
	entries, err := resources.GenerateHostKeys(nil, all, rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	entries["of_mine"] = entries["ssh_host_ecdsa_key"]
	wanted := v1alpha1.SSHHostKeys{}.WantedTypes()
	again, err := resources.GenerateHostKeys(entries, wanted, func() crypto.PrivateKey { t.Error("an RSA key is asked for"); return nil })
	if err != nil || !cmp.Equal(entries, again) {
		t.Errorf("entries changed (%v)", err)
	}
	keys, err := resources.ReadHostKeys(resources.WantedHostKeys(again, wanted))
	if d := cmp.Diff([]string{"ssh_host_ed25519_key", "ssh_host_ecdsa_key", "of_mine"}, keys.Files); err != nil || d != "" {
		t.Errorf("shown (-want +got), %v:\n%s", err, d)
	}
}

func TestReadHostKeysOfOthers(t *testing.T) {
	ours, err := resources.GenerateHostKeys(nil, all, rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := resources.ReadHostKeys(map[string][]byte{"id_rsa": ours["ssh_host_rsa_key"], "id_rsa.pub": []byte("x"), "ssh_host_ed25519_key": ours["ssh_host_ed25519_key"]})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"ssh_host_ed25519_key", "id_rsa"}, keys.Files); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	keys, err = resources.ReadHostKeys(map[string][]byte{"known_hosts": []byte("secret"), "ssh_host_ed25519_key": ours["ssh_host_ed25519_key"]})
	if err != nil || !cmp.Equal(keys.Files, []string{"ssh_host_ed25519_key"}) || !cmp.Equal(keys.LeftOut, []string{`"known_hosts" is no private key in OpenSSH's or PEM format`}) {
		t.Errorf("of a good and a bad entry: %+v, %v", keys, err)
	}
	for want, entries := range map[string]map[string][]byte{
		"it has no entry with a private key":               {"x.pub": nil},
		`"k" is no private key in OpenSSH's or PEM format`: {"k": []byte("secret")},
	} {
		if _, err := resources.ReadHostKeys(entries); err == nil || err.Error() != want {
			t.Errorf("got: %v\nwant: %s", err, want)
		}
	}
}
