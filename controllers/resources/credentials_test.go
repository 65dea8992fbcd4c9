package resources_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

func quantity(s string) resource.Quantity { return resource.MustParse(s) }

func TestCredentials(t *testing.T) {
	all := []v1alpha1.ProtocolName{v1alpha1.ProtocolFTP, v1alpha1.ProtocolFTPS, v1alpha1.ProtocolSFTP}
	reached := server(t, `{protocols: {ftp: {}, ftps: {}, sftp: {port: 2022}}}`)
	reached.Exposure.Addresses = []string{"198.51.100.1"}
	for name, c := range map[string]struct {
		spec  string
		login resources.Login
	}{
		"a generated password": {
			`{serverRef: {name: files}}`,
			resources.Login{Password: "p@ss/word", Endpoints: reached.Endpoints(), CA: []byte("CA\n"), HostKeys: []string{"ssh-ed25519 AAAA"}, Served: all},
		},
		"keys alone": {
			`{serverRef: {name: files}, username: a@b, authorizedKeys: [ssh-ed25519 AAAA]}`,
			resources.Login{Endpoints: reached.Endpoints(), Served: all},
		},
		"FTPS alone": {
			`{serverRef: {name: files}, protocols: [ftps]}`,
			resources.Login{Password: "secret", Endpoints: reached.Endpoints(), Served: all},
		},
		"no address yet": {
			`{serverRef: {name: files}}`,
			resources.Login{Password: "secret", Served: all},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := resources.Credentials(user(t, c.spec), c.login)
			// As text, so that the golden can be read.
			text := map[string]string{}
			for k, v := range s.Data {
				text[k] = string(v)
			}
			s.Data, s.StringData = nil, text
			golden(t, "credentials", name, s)
		})
	}
}

func TestAccount(t *testing.T) {
	for name, spec := range map[string]string{
		"by default": `{serverRef: {name: files}}`,
		"as described": `
  serverRef: {name: files}
  username: acme
  home: partners/acme
  authentication: All
  access: ReadOnly
  paths: [{path: /in, access: WriteOnly}]
  protocols: [sftp]
  allowedSources: [192.0.2.7, 10.1.2.3/8, "2001:db8::1"]
  expiresAt: "2030-12-31T23:59:59+02:00"
  state: Suspended
  limits: {maxSessions: 3, bandwidth: {upload: 1Mi}}`,
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, "account", name, resources.Account(user(t, spec), "$6$hash", []string{"ssh-ed25519 AAAA"}))
		})
	}
}
