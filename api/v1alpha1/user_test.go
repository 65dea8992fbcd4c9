package v1alpha1_test

import (
	"strings"
	"testing"
)

func TestUserRefused(t *testing.T) {
	ns := namespace(t)
	for name, c := range map[string]struct{ manifest, want string }{
		"no server": {
			`spec: {}`,
			`spec.serverRef: Required value`,
		},
		"no spec": {
			``,
			`spec: Required value`,
		},
		"an unknown field": {
			`spec: {serverRef: {name: a}, passwort: {}}`,
			`unknown field "spec.passwort"`,
		},
		"a name with a slash": {
			`spec: {serverRef: {name: a}, username: a/b}`,
			`username has a space, '/', ':', a backslash or a control character, or is only dots`,
		},
		"a name with a space": {
			`spec: {serverRef: {name: a}, username: "a b"}`,
			`username has a space, '/', ':', a backslash or a control character, or is only dots`,
		},
		"a name with a colon": {
			`spec: {serverRef: {name: a}, username: "a:b"}`,
			`username has a space, '/', ':', a backslash or a control character, or is only dots`,
		},
		"a name with a backslash": {
			`spec: {serverRef: {name: a}, username: 'a\b'}`,
			`username has a space, '/', ':', a backslash or a control character, or is only dots`,
		},
		"a name with a control character": {
			`spec: {serverRef: {name: a}, username: "a\x01b"}`,
			`username has a space, '/', ':', a backslash or a control character, or is only dots`,
		},
		"a name of dots": {
			`spec: {serverRef: {name: a}, username: ".."}`,
			`username has a space, '/', ':', a backslash or a control character, or is only dots`,
		},
		"an absolute home": {
			`spec: {serverRef: {name: a}, home: /etc}`,
			`home is not a clean path below the root of the storage: write one such as alice or partners/acme`,
		},
		"a home that climbs": {
			`spec: {serverRef: {name: a}, home: a/../../b}`,
			`home is not a clean path below the root of the storage`,
		},
		"a relative path": {
			`spec: {serverRef: {name: a}, paths: [{path: incoming, access: ReadOnly}]}`,
			`path is not a clean absolute path: write one such as /incoming, without '/' at the end and without '.' and '..'`,
		},
		"a path that climbs": {
			`spec: {serverRef: {name: a}, paths: [{path: /a/../b, access: ReadOnly}]}`,
			`path is not a clean absolute path`,
		},
		"an access that does not exist": {
			`spec: {serverRef: {name: a}, access: Everything}`,
			`supported values: "ReadWrite", "ReadOnly", "WriteOnly"`,
		},
		"a protocol that does not exist": {
			`spec: {serverRef: {name: a}, protocols: [scp]}`,
			`supported values: "ftp", "ftps", "sftp"`,
		},
		"a source that is none": {
			`spec: {serverRef: {name: a}, allowedSources: [office]}`,
			`allowedSources has something that is neither an address nor a network: write 192.0.2.7 or 10.0.0.0/8`,
		},
		"both factors without a password": {
			`spec: {serverRef: {name: a}, authentication: All, authorizedKeys: [ssh-ed25519 AAAA]}`,
			`authentication All wants both a password and a key of the user`,
		},
		"both factors over FTP": {
			`spec: {serverRef: {name: a}, authentication: All, password: {}, authorizedKeys: [ssh-ed25519 AAAA], protocols: [ftp, sftp]}`,
			`authentication All is possible with sftp alone: set protocols to [sftp], or authentication to Any`,
		},
		"keys from a place that is none": {
			`spec: {serverRef: {name: a}, authorizedKeysFrom: [{kind: Pod, name: b}]}`,
			`supported values: "ConfigMap", "Secret"`,
		},
		"a date that is none": {
			`spec: {serverRef: {name: a}, expiresAt: tomorrow}`,
			`spec.expiresAt`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := api.Create(t.Context(), object(t, ns, "FileServerUser", "refused", c.manifest))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got: %v\nwant an error with: %s", err, c.want)
			}
		})
	}
}

func TestUserNameLengthRefused(t *testing.T) {
	err := api.Create(t.Context(), object(t, namespace(t), "FileServerUser", strings.Repeat("a", 64), `spec: {serverRef: {name: a}}`))
	if want := "metadata.name is longer than 63 characters: shorten it, and set spec.username to the name to log in with"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got: %v\nwant an error with: %s", err, want)
	}
}

func TestUserAccepted(t *testing.T) {
	ns := namespace(t)
	for name, manifest := range map[string]string{
		"minimal":         `spec: {serverRef: {name: a}}`,
		"a-generated-one": `spec: {serverRef: {name: a}, password: {}}`,
		"a-mail-address":  `spec: {serverRef: {name: a}, username: "jörg+ftp@example.com"}`,
		"the-root":        `spec: {serverRef: {name: a}, home: "."}`,
		"both-factors":    `spec: {serverRef: {name: a}, authentication: All, password: {}, authorizedKeysFrom: [{kind: Secret, name: b}], protocols: [sftp]}`,
		"much": `
spec:
  serverRef: {name: a}
  password: {secretRef: {name: b}}
  authorizedKeys: [ssh-ed25519 AAAA]
  home: partners/acme
  access: ReadOnly
  paths: [{path: /incoming, access: WriteOnly}, {path: /secret, access: None}]
  protocols: [ftps, sftp]
  allowedSources: [192.0.2.7, 10.0.0.0/8, "2001:db8::/32"]
  expiresAt: "2030-12-31T23:59:59Z"
  state: Suspended
  limits: {maxSessions: 3, bandwidth: {upload: 1Mi}}
`,
	} {
		t.Run(name, func(t *testing.T) {
			if err := api.Create(t.Context(), object(t, ns, "FileServerUser", name, manifest)); err != nil {
				t.Error(err)
			}
		})
	}
}
