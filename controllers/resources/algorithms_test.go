package resources_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/fileserver-dev/fileserver-operator/server/check"
)

// The API names the algorithms that the server knows, so that a typing error is
// refused when it is applied: the two must not drift apart.
func TestTheAPIKnowsTheAlgorithmsThatTheServerKnows(t *testing.T) {
	schema := schemaOf(t, "spec", "protocols", "sftp", "algorithms")
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
		known := enumOf(t, schema.Properties[field])
		for _, name := range known {
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

// The API takes what the server can offer, and an insecure suite only with an old
// version of TLS; none of TLS 1.3.
func TestTheAPIKnowsTheCipherSuitesThatTheServerKnows(t *testing.T) {
	known := enumOf(t, schemaOf(t, "spec", "tls", "cipherSuites"))
	for _, name := range known {
		if _, err := check.CipherSuite(name, "1.0"); err != nil {
			t.Errorf("the API takes a suite that the server does not: %v", err)
		}
		insecure := !strings.HasPrefix(name, "TLS_ECDHE_") || strings.Contains(name, "_3DES_") || strings.HasSuffix(name, "_CBC_SHA256")
		if _, err := check.CipherSuite(name, "1.2"); (err != nil) != insecure {
			t.Errorf("the API takes %s for insecure: %t; the server says %v", name, insecure, err)
		}
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if _, err := check.CipherSuite(suite.Name, "1.0"); err == nil && !slices.Contains(known, suite.Name) {
			t.Errorf("the API does not take %q", suite.Name)
		}
	}
}

// schemaOf is the schema of a field of FileServer.
func schemaOf(t *testing.T, path ...string) apiextensionsv1.JSONSchemaProps {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "fileserver.dev_fileservers.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(b, &crd); err != nil {
		t.Fatal(err)
	}
	schema := *crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	for _, field := range path {
		schema = schema.Properties[field]
	}
	return schema
}

// enumOf are the values that the items of a list may have.
func enumOf(t *testing.T, list apiextensionsv1.JSONSchemaProps) (values []string) {
	t.Helper()
	for _, value := range list.Items.Schema.Enum {
		var name string
		if err := yaml.Unmarshal(value.Raw, &name); err != nil {
			t.Fatal(err)
		}
		values = append(values, name)
	}
	return values
}
