package resources_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/fileserver-dev/fileserver-operator/server/check"
)

// The API names the algorithms that the server knows, so that a typing error is
// refused when it is applied: the two must not drift apart.
func TestTheAPIKnowsTheAlgorithmsThatTheServerKnows(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "fileserver.dev_fileservers.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(b, &crd); err != nil {
		t.Fatal(err)
	}
	schema := *crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	for _, field := range []string{"spec", "protocols", "sftp", "algorithms"} {
		schema = schema.Properties[field]
	}
	good, old := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	for field, tc := range map[string]struct {
		kind  check.AlgorithmKind
		names []string
	}{
		"keyExchanges": {check.KeyExchange, slices.Concat(good.KeyExchanges, old.KeyExchanges)},
		"ciphers":      {check.Cipher, slices.Concat(good.Ciphers, old.Ciphers)},
		"macs":         {check.MAC, slices.Concat(good.MACs, old.MACs)},
		"hostKeys":     {check.HostKeyAlgorithm, slices.Concat(good.HostKeys, old.HostKeys)},
		"publicKeys":   {check.PublicKeyAlgorithm, slices.Concat(good.PublicKeyAuths, old.PublicKeyAuths)},
	} {
		var known []string
		for _, value := range schema.Properties[field].Items.Schema.Enum {
			var name string
			if err := yaml.Unmarshal(value.Raw, &name); err != nil {
				t.Fatal(err)
			}
			known = append(known, name)
			if err := check.Algorithm(tc.kind, name); err != nil {
				t.Errorf("the API takes an algorithm in %s that the server does not know: %v", field, err)
			}
		}
		for _, name := range tc.names {
			if check.Algorithm(tc.kind, name) == nil && !slices.Contains(known, name) {
				t.Errorf("the API does not take %q in %s", name, field)
			}
		}
	}
}
