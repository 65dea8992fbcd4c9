package resources_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"sigs.k8s.io/yaml"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

var updateGoldens = flag.Bool("update", false, "write the goldens anew")

// server reads the spec of a FileServer as the API server would store it.
func server(t *testing.T, spec string) resources.Server {
	t.Helper()
	fs := &v1alpha1.FileServer{}
	decode(t, "fileservers", "metadata: {namespace: partners, name: files, uid: 6f1c}\nspec: "+spec, fs)
	return resources.Server{
		FileServer:    fs,
		DefaultImage:  "registry.example/fileserver:1.0.0",
		ClusterDomain: "cluster.local",
		OneNode:       true,
		HostKeyFiles:  config.SSHHostKeyFiles,
	}
}

// user reads the spec of a FileServerUser as the API server would store it.
func user(t *testing.T, spec string) *v1alpha1.FileServerUser {
	t.Helper()
	u := &v1alpha1.FileServerUser{}
	decode(t, "fileserverusers", "metadata: {namespace: partners, name: alice, uid: 7a2d}\nspec: "+spec, u)
	return u
}

// decode reads a manifest and sets the defaults of the schema.
func decode(t *testing.T, plural, manifest string, into any) {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(manifest), &object); err != nil {
		t.Fatal(err)
	}
	defaulting.Default(object, structural(t, plural))
	b, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func structural(t *testing.T, plural string) *schema.Structural {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "fileserver.dev_"+plural+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(b, &crd); err != nil {
		t.Fatal(err)
	}
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil); err != nil {
		t.Fatal(err)
	}
	s, err := schema.NewStructural(&props)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fileName writes a sentence so that it can name a file.
func fileName(sentence string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '\'':
			return -1
		}
		return r
	}, sentence)
}

// golden compares an object with testdata/<kind>/<name>.yaml.
func golden(t *testing.T, kind, name string, object any) {
	t.Helper()
	got, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", kind, fileName(name)+".yaml")
	if *updateGoldens {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; `go test -update` writes it", err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}
