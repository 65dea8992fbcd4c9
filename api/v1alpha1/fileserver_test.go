package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

func TestFileServerNameRefused(t *testing.T) {
	ns := namespace(t)
	for _, name := range []string{"1st", "a.b", strings.Repeat("a", 47)} {
		err := api.Create(t.Context(), object(t, ns, "FileServer", name, ""))
		if want := "metadata.name becomes the name of a Service and the beginning of other names: use at most 46 lower case letters"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got: %v\nwant an error with: %s", name, err, want)
		}
	}
}

func TestFileServerAccepted(t *testing.T) {
	ns := namespace(t)
	for name, manifest := range map[string]string{
		"nothing":               ``,
		"an-empty-spec":         `spec: {}`,
		"sftp-alone":            `spec: {protocols: {sftp: {}}}`,
		"sftp-in-the-range":     `spec: {protocols: {sftp: {port: 50000}}}`,
		"sftp-many-replicas":    `spec: {replicas: 50, protocols: {sftp: {}}}`,
		"four-replicas":         `spec: {replicas: 4}`,
		"a-narrow-range":        `spec: {passive: {ports: {first: 50000, last: 50004}}}`,
		"the-host-network":      `spec: {expose: {type: HostNetwork}, replicas: 20}`,
		"a-wide-host-range":     `spec: {expose: {type: HostNetwork}, passive: {ports: {first: 10000, last: 65535}}}`,
		"a-wide-service-range":  `spec: {passive: {ports: {first: 50000, last: 59999}}}`,
		"other-ports":           `spec: {protocols: {ftp: {port: 2121, dataPort: 2120, tls: Optional}, ftps: {port: 9990, dataPort: 9989}, sftp: {port: 2022}}}`,
		"an-own-certificate":    `spec: {tls: {secretRef: {name: tls}}, sshHostKeys: {secretRef: {name: ssh}}}`,
		"an-rsa-key":            `spec: {sshHostKeys: {types: [Ed25519, ECDSA, RSA]}}`,
		"an-issuer":             `spec: {tls: {issuerRef: {name: ca}, dnsNames: [ftp.example.com]}}`,
		"a-balancer":            `spec: {expose: {loadBalancer: {class: example.com/lb, address: "2001:db8::1", sourceRanges: [192.0.2.0/24], externalTrafficPolicy: Local, allocateNodePorts: false}}}`,
		"node-ports":            `spec: {expose: {type: NodePort, nodePort: {externalTrafficPolicy: Local}}}`,
		"an-address-rule":       `spec: {passive: {address: ftp.example.com, addressRules: [{clients: [10.0.0.0/8], address: 10.0.0.1}]}}`,
		"some-limits":           `spec: {sessions: {max: 100, idleTimeout: 1h30m, bandwidth: {upload: 10Mi, download: 1000000}, ban: {duration: Never}}}`,
		"no-active-mode":        `spec: {activeMode: Refused, ascii: Keep}`,
		"old-devices":           `spec: {tls: {minVersion: "1.0"}, ascii: Convert, activeMode: Allowed}`,
		"a-new-tls-alone":       `spec: {tls: {minVersion: "1.3", secretRef: {name: tls}}}`,
		"modes":                 `spec: {storage: {keepIncomplete: 24h, umask: "0022", fileMode: "0640", folderMode: "0750"}}`,
		"modes-of-3-digits":     `spec: {storage: {umask: "022", fileMode: "640", folderMode: "777"}}`,
		"metrics-elsewhere":     `spec: {metrics: {port: 9100}, protocols: {sftp: {port: 9090}}}`,
		"a-range-with-9090":     `spec: {metrics: {port: 19090}, passive: {ports: {first: 9000, last: 9100}}}`,
		"metrics-of-sftp-alone": `spec: {metrics: {port: 50000}, protocols: {sftp: {}}}`,
		"a-banner":              `spec: {ftpBanner: "Exchange of Example Ltd.\n\nGrüße\n"}`,
		"some-cipher-suites":    `spec: {tls: {cipherSuites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]}}`,
		"old-cipher-suites":     `spec: {tls: {minVersion: "1.0", cipherSuites: [TLS_RSA_WITH_AES_128_CBC_SHA]}}`,
		"client-certificates":   `spec: {tls: {clientCertificates: {authoritiesFrom: {name: partners}}}}`,
		"some-certificates":     `spec: {protocols: {ftp: {tls: Optional}}, tls: {clientCertificates: {mode: Optional, authoritiesFrom: {kind: Secret, name: partners, key: tls.crt}}}}`,
		"patience":              `spec: {sessions: {stallTimeout: 0h30m, countKeepAlives: true, maxBeforeLogin: 1000}}`,
		"never":                 `spec: {sessions: {idleTimeout: Never, stallTimeout: Never}, drain: {timeout: Never}}`,
		"atomic-uploads":        `spec: {storage: {uploads: Atomic}}`,
		"somebody-elses-files":  `spec: {podTemplate: {securityContext: {runAsUser: 1000, runAsGroup: 1000, supplementalGroups: [5000]}}}`,
		"a-budget-of-one-pod":   `spec: {disruption: {maxUnavailable: 1}}`,
		"a-budget-of-a-share":   `spec: {disruption: {maxUnavailable: "25%"}}`,
		"no-budget":             `spec: {disruption: {budget: None}}`,
		"a-group-for-the-files": `spec: {podTemplate: {securityContext: {fsGroup: 2000, fsGroupChangePolicy: Always}}}`,
		"ids-of-the-platform":   `spec: {podTemplate: {securityContext: {}, sysctls: None}}`,
		"high-ports-of-a-host":  `spec: {expose: {type: HostNetwork}, protocols: {sftp: {port: 2022}}, podTemplate: {securityContext: {runAsUser: 1000, runAsGroup: 1000}}}`,
		"names-and-variables":   `spec: {podTemplate: {env: [{name: TZ, value: UTC}], hostAliases: [{ip: 192.0.2.1, hostnames: [nas]}], dnsConfig: {searches: [example.com]}}}`,
		"a-chosen-volume":       `spec: {storage: {claim: {volumeName: pv-7, selector: {matchLabels: {a: b}}, accessModes: [ReadOnlyMany], volumeAttributesClassName: gold}}}`,
		"a-snapshot":            `spec: {storage: {claim: {dataSourceRef: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: old}}}}`,
		"an-authority-of-users": `spec: {protocols: {sftp: {trustedUserCAKeys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFCEsxMoU9biB+285fWtQs+KyJbFHIH1UBFKvdZRzhK0 users@example.com"]}}}`,
		"old-clients":           `spec: {protocols: {sftp: {algorithms: {keyExchanges: [curve25519-sha256, diffie-hellman-group14-sha1], ciphers: [aes256-ctr, aes128-cbc], macs: [hmac-sha1], hostKeys: [ssh-rsa], publicKeys: [ssh-rsa]}}}}`,
		"an-office":             `spec: {sessions: {ban: {exempt: [192.0.2.7, 10.0.0.0/8, "2001:db8::/32"]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if err := api.Create(t.Context(), object(t, ns, "FileServer", name, manifest)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFileServerDefaults(t *testing.T) {
	ns := namespace(t)
	if err := api.Create(t.Context(), object(t, ns, "FileServer", "defaults", "")); err != nil {
		t.Fatal(err)
	}
	fs := get(t, ns, "defaults")
	if *fs.Spec.Replicas != 1 || fs.Spec.Passive.PortsPerPod != 10 || fs.Spec.Expose.Type != v1alpha1.ExposeLoadBalancer || fs.Spec.NetworkPolicy != v1alpha1.NetworkPolicyManaged {
		t.Errorf("defaults are missing: %+v", fs.Spec)
	}
	if fs.Status.ObservedGeneration == nil || *fs.Status.ObservedGeneration != -1 {
		t.Errorf("status.observedGeneration is %v; want -1, so that kstatus does not take a new object for ready", fs.Status.ObservedGeneration)
	}
	want := v1alpha1.Protocols{
		FTP:  &v1alpha1.FTP{Port: 21, DataPort: 20, TLS: v1alpha1.TLSRequired},
		FTPS: &v1alpha1.FTPS{Port: 990, DataPort: 989},
		SFTP: &v1alpha1.SFTP{Port: 22},
	}
	if d := cmp.Diff(want, fs.Spec.ServedProtocols()); d != "" {
		t.Errorf("served protocols (-want +got):\n%s", d)
	}
	if got := fs.Spec.PassivePorts().String(); got != "50000-50039" {
		t.Errorf("the passive range is %s; want 50000-50039", got)
	}
}

// Schema defaults must say the same as the methods that stand in for absent
// alternatives.
func TestPresentAlternativesGetTheSameDefaultsAsAbsentOnes(t *testing.T) {
	ns := namespace(t)
	if err := api.Create(t.Context(), object(t, ns, "FileServer", "present", `spec: {protocols: {ftp: {}, ftps: {}, sftp: {}}, storage: {claim: {}}}`)); err != nil {
		t.Fatal(err)
	}
	var absent v1alpha1.FileServerSpec
	present := get(t, ns, "present").Spec
	if d := cmp.Diff(absent.ServedProtocols(), present.ServedProtocols()); d != "" {
		t.Errorf("protocols (-absent +present):\n%s", d)
	}
	if d := cmp.Diff(absent.Storage.WantedClaim(), present.Storage.WantedClaim()); d != "" {
		t.Errorf("storage (-absent +present):\n%s", d)
	}
}

func TestAlternativesCanBeChanged(t *testing.T) {
	ns := namespace(t)
	apply := func(manifest string) *v1alpha1.FileServer {
		t.Helper()
		u := object(t, ns, "FileServer", "changed", manifest)
		if err := api.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("somebody")); err != nil {
			t.Fatal(err)
		}
		return get(t, ns, "changed")
	}
	apply(`spec: {}`)
	if fs := apply(`spec: {protocols: {sftp: {}, ftp: {}}, storage: {claim: {}}}`); fs.Spec.Protocols.FTPS != nil {
		t.Error("FTPS is served although it is not named")
	}
	apply(`spec: {storage: {existingClaim: changed-data}}`)
	apply(`spec: {storage: {claim: {accessModes: [ReadWriteMany]}}}`) // one that somebody made anew
	apply(`spec: {storage: {existingClaim: changed-data}}`)
	fs := apply(`spec: {protocols: {sftp: {}}, storage: {ephemeral: {}}}`)
	if fs.Spec.Protocols.FTP != nil {
		t.Error("FTP is served although it is no longer named")
	}
	if fs.Spec.Storage.Claim != nil {
		t.Error("the claim stayed beside the storage that replaced it")
	}
}

func get(t *testing.T, ns, name string) *v1alpha1.FileServer {
	t.Helper()
	fs := &v1alpha1.FileServer{}
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, fs); err != nil {
		t.Fatal(err)
	}
	return fs
}
