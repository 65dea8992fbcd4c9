package resources_test

import (
	"reflect"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// The running server reloads these, so they must not replace its pod: neither
// the Deployment nor the entry of the ConfigMap that the pod mounts may change.
func TestWhatTheServerReloadsLeavesThePodAsItIs(t *testing.T) {
	before := server(t, `{}`)
	for name, spec := range map[string]string{
		"active mode":            `{activeMode: Refused}`,
		"ASCII":                  `{ascii: Keep}`,
		"the oldest TLS":         `{tls: {minVersion: "1.3"}}`,
		"cipher suites":          `{tls: {cipherSuites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]}}`,
		"client certificates":    `{tls: {clientCertificates: {mode: Optional, authoritiesFrom: {name: partners}}}}`,
		"TLS":                    `{protocols: {ftp: {tls: Optional}, ftps: {}, sftp: {}}}`,
		"balancers":              `{expose: {proxyProtocolFrom: [10.0.0.0/8]}}`,
		"the banner of FTP":      `{ftpBanner: Hello}`,
		"the banner of SFTP":     `{protocols: {ftp: {}, ftps: {}, sftp: {banner: Hello}}}`,
		"authorities":            `{protocols: {ftp: {}, ftps: {}, sftp: {trustedUserCAKeys: [x]}}}`,
		"algorithms":             `{protocols: {ftp: {}, ftps: {}, sftp: {algorithms: {ciphers: [aes256-ctr]}}}}`,
		"told addresses":         `{passive: {address: 192.0.2.1}}`,
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

// Pods that drain with other ports go on for minutes, and TLS that is required is
// required there too.
func TestOlderPodsHaveWhatIsHotInForce(t *testing.T) {
	older := server(t, `{protocols: {ftp: {tls: Optional}, ftps: {}, sftp: {}}}`)
	older.HostKeyFiles = []string{"key"}
	file, err := older.Config().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	newer := server(t, `{protocols: {ftp: {port: 2121}, sftp: {}}, passive: {ports: {first: 51000, last: 51009}}, sessions: {maxPerUser: 1}}`)
	newer.HostKeyFiles = []string{"key"}
	if older.ConfigKey() == newer.ConfigKey() {
		t.Fatal("pods with other ports have the same file")
	}
	got, err := config.Parse([]byte(resources.OlderConfig(string(file), newer.Config(), resources.Missing{})))
	if err != nil {
		t.Fatal(err)
	}
	if got.Protocols.FTP.TLS != config.TLSRequired || got.Sessions.MaxPerUser != 1 {
		t.Errorf("not in force: %+v %+v", got.Protocols.FTP, got.Sessions)
	}
	if got.Protocols.FTP.Port != 21 || got.Protocols.FTPS == nil || got.Passive.Ports.First != 50000 {
		t.Errorf("what is cold has changed: %+v %+v", got.Protocols, got.Passive)
	}
	if again := resources.OlderConfig("{", newer.Config(), resources.Missing{}); again != "{" {
		t.Errorf("a file that cannot be read became %s", again)
	}
}
