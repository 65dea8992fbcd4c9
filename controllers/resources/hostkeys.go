package resources

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/check"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// hostKeyFiles are the entries with keys that are made.
var hostKeyFiles = map[v1alpha1.SSHHostKeyType]string{
	v1alpha1.SSHHostKeyEd25519: "ssh_host_ed25519_key",
	v1alpha1.SSHHostKeyECDSA:   "ssh_host_ecdsa_key",
	v1alpha1.SSHHostKeyRSA:     "ssh_host_rsa_key",
}

// GenerateHostKeys makes those keys of the wanted types that have does not hold, and
// returns all. To make an RSA key takes the better part of a second, so it comes from
// rsa, and is left out where that has none.
func GenerateHostKeys(have map[string][]byte, wanted []v1alpha1.SSHHostKeyType, rsa func() crypto.PrivateKey) (map[string][]byte, error) {
	keys := maps.Clone(have)
	if keys == nil {
		keys = map[string][]byte{}
	}
	for _, kind := range wanted {
		file := hostKeyFiles[kind]
		if len(keys[file]) > 0 {
			continue
		}
		key, err := generateHostKey(kind, rsa)
		if err != nil {
			return nil, fmt.Errorf("making %s: %w", file, err)
		}
		if key == nil {
			continue
		}
		block, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", file, err)
		}
		keys[file] = pem.EncodeToMemory(block)
	}
	return keys, nil
}

func generateHostKey(kind v1alpha1.SSHHostKeyType, rsa func() crypto.PrivateKey) (crypto.PrivateKey, error) {
	switch kind {
	case v1alpha1.SSHHostKeyEd25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case v1alpha1.SSHHostKeyECDSA:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case v1alpha1.SSHHostKeyRSA:
		return rsa(), nil
	}
	return nil, errors.New("the type is not known")
}

// HasHostKey says whether a key of that type is there.
func HasHostKey(entries map[string][]byte, kind v1alpha1.SSHHostKeyType) bool {
	return len(entries[hostKeyFiles[kind]]) > 0
}

// WantedHostKeys are the entries without the keys that were made when other types
// were wanted.
func WantedHostKeys(entries map[string][]byte, wanted []v1alpha1.SSHHostKeyType) map[string][]byte {
	kept := maps.Clone(entries)
	for kind, file := range hostKeyFiles {
		if !slices.Contains(wanted, kind) {
			delete(kept, file)
		}
	}
	return kept
}

// HostKeysSecretWith holds the keys.
func (s Server) HostKeysSecretWith(keys map[string][]byte) *corev1ac.SecretApplyConfiguration {
	return corev1ac.Secret(HostKeysName(s.Name), s.Namespace).
		WithLabels(s.Labels()).
		WithOwnerReferences(s.Owner()).
		WithData(keys)
}

// HostKeys are the keys of a server, as clients know them.
type HostKeys struct {
	Files   []string                    // entries of the Secret, in the order in which they are offered
	Public  []string                    // "type base64"
	Status  []v1alpha1.SSHHostKeyStatus // fingerprints
	LeftOut []string                    // what is said of entries that cannot be used

	signers []ssh.Signer
}

// Fingerprints are those of the keys.
func (k HostKeys) Fingerprints() []string {
	all := make([]string, len(k.Status))
	for i, key := range k.Status {
		all[i] = key.Fingerprint
	}
	return all
}

// Fit reports whether one of the keys can be used with one of the algorithms, if
// there are any of these that are known.
func (k HostKeys) Fit(algorithms []string) bool {
	return check.HostKeysFit(k.signers, known(algorithms))
}

func known(algorithms []string) []string {
	usable, _ := check.Algorithms(config.SSHAlgorithms{HostKeys: algorithms})
	return usable.HostKeys
}

// ReadHostKeys reads the keys in a Secret's entries. An entry that cannot be used is
// left out alone; it is an error if there is no other. What is said names the entry
// and tells nothing of its content.
func ReadHostKeys(entries map[string][]byte) (HostKeys, error) {
	var keys HostKeys
	for _, file := range hostKeyOrder(entries) {
		signer, err := check.ParseHostKey(entries[file])
		if err != nil {
			keys.LeftOut = append(keys.LeftOut, fmt.Sprintf("%q %v", file, err))
			continue
		}
		public := signer.PublicKey()
		keys.Files, keys.signers = append(keys.Files, file), append(keys.signers, signer)
		keys.Public = append(keys.Public, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public))))
		keys.Status = append(keys.Status, v1alpha1.SSHHostKeyStatus{Type: public.Type(), Fingerprint: ssh.FingerprintSHA256(public)})
	}
	switch {
	case len(keys.Files) > 0:
		return keys, nil
	case len(keys.LeftOut) > 0:
		return HostKeys{}, errors.New(strings.Join(keys.LeftOut, "; "))
	}
	return HostKeys{}, errors.New("it has no entry with a private key")
}

// hostKeyOrder has the entries with our names first, in our order.
func hostKeyOrder(entries map[string][]byte) []string {
	var files []string
	for _, file := range config.SSHHostKeyFiles {
		if _, ok := entries[file]; ok {
			files = append(files, file)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(entries)) {
		if !strings.HasSuffix(file, ".pub") && !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	return files
}
