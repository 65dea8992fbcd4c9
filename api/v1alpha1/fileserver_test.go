package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

func TestFileServerRefused(t *testing.T) {
	ns := namespace(t)
	for name, c := range map[string]struct{ manifest, want string }{
		"an unknown field": {
			`spec: {protocols: {sftp: {prot: 22}}}`,
			`unknown field "spec.protocols.sftp.prot"`,
		},
		"no protocol": {
			`spec: {protocols: {}}`,
			`no protocol is enabled: name at least one of ftp, ftps and sftp, as in 'protocols: {sftp: {}}', or leave protocols out to get all three`,
		},
		"FTP and SFTP on one port": {
			`spec: {protocols: {ftp: {}, sftp: {port: 21}}}`,
			`ftp and sftp have a port in common: give each port and dataPort a number of its own`,
		},
		"FTP's data port on SFTP's port": {
			`spec: {protocols: {ftp: {dataPort: 22}, sftp: {}}}`,
			`ftp and sftp have a port in common`,
		},
		"FTP and FTPS on one port": {
			`spec: {protocols: {ftp: {port: 990}, ftps: {}}}`,
			`ftp and ftps have a port in common: give each port and dataPort a number of its own`,
		},
		"FTP and FTPS with one data port": {
			`spec: {protocols: {ftp: {}, ftps: {dataPort: 20}}}`,
			`ftp and ftps have a port in common`,
		},
		"FTPS and SFTP on one port": {
			`spec: {protocols: {ftps: {}, sftp: {port: 990}}}`,
			`ftps and sftp have a port in common: give each port and dataPort a number of its own`,
		},
		"FTP's port as its data port": {
			`spec: {protocols: {ftp: {port: 2121, dataPort: 2121}}}`,
			`port and dataPort are the same: give each a number of its own`,
		},
		"FTPS's port as its data port": {
			`spec: {protocols: {ftps: {port: 989}}}`,
			`port and dataPort are the same: give each a number of its own`,
		},
		"a share of pods that is none": {
			`spec: {disruption: {maxUnavailable: half}}`,
			`spec.disruption.maxUnavailable in body should match`,
		},
		"a budget of another kind": {
			`spec: {disruption: {budget: Strict}}`,
			`spec.disruption.budget: Unsupported value: "Strict": supported values: "Managed", "None"`,
		},
		"the pod's own port": {
			`spec: {protocols: {sftp: {port: 9090}}}`,
			`port 9090 is the pod's own, for metrics and probes: choose another one`,
		},
		"a port above 65535": {
			`spec: {protocols: {sftp: {port: 70000}}}`,
			`spec.protocols.sftp.port in body should be less than or equal to 65535`,
		},
		"a reversed range": {
			`spec: {passive: {ports: {first: 50039, last: 50000}}}`,
			`the range is reversed: write the smaller port first`,
		},
		"half a range": {
			`spec: {passive: {ports: {first: 50000}}}`,
			`spec.passive.ports.last: Required value`,
		},
		"a range that holds a port of the default protocols": {
			`spec: {passive: {ports: {first: 900, last: 999}}}`,
			`passive.ports holds a port of the protocols, which are 20, 21, 22, 989 and 990 by default: choose a range without them`,
		},
		"a range that holds a port of a given protocol": {
			`spec: {protocols: {sftp: {port: 2022}, ftp: {}}, passive: {ports: {first: 2000, last: 2100}}}`,
			`port of protocols.sftp lies in the passive range (passive.ports, which is 50000-50039 by default and 49152-65535 on the host network): set passive.ports to a range without it, or move it`,
		},
		"a range that holds the data port of FTPS": {
			`spec: {protocols: {ftps: {}}, passive: {ports: {first: 900, last: 989}}}`,
			`port or dataPort of protocols.ftps lies in the passive range`,
		},
		"a port in the default range": {
			`spec: {protocols: {ftp: {port: 50010}}}`,
			`port or dataPort of protocols.ftp lies in the passive range`,
		},
		"a port in the default range of the host network": {
			`spec: {protocols: {ftp: {port: 60000}}, expose: {type: HostNetwork}}`,
			`port or dataPort of protocols.ftp lies in the passive range`,
		},
		"a range that holds the pod's own port": {
			`spec: {passive: {ports: {first: 9000, last: 9100}}}`,
			`the range holds 9090, the pod's own port for metrics and probes: choose a range without it`,
		},
		"more replicas than slices": {
			`spec: {replicas: 5}`,
			`replicas times passive.portsPerPod is more than passive.ports has (40 by default): widen passive.ports, or lower passive.portsPerPod or replicas`,
		},
		"more replicas than slices of a given range": {
			`spec: {replicas: 3, passive: {ports: {first: 50000, last: 50019}}}`,
			`replicas times passive.portsPerPod is more than passive.ports has`,
		},
		"a range wider than a Service can hold": {
			`spec: {passive: {ports: {first: 50000, last: 60000}}}`,
			`passive.ports is wider than the 10000 ports that a Service can hold`,
		},
		"a passive address with a port": {
			`spec: {passive: {address: "203.0.113.10:21"}}`,
			`address is neither an IP address nor a host name: write one alone, without port or scheme, such as 203.0.113.10 or ftp.example.com`,
		},
		"an address rule without a network": {
			`spec: {passive: {addressRules: [{clients: [everyone], address: 10.0.0.1}]}}`,
			`clients has something that is not a network: write networks such as 10.0.0.0/8 or 2001:db8::/32`,
		},
		"an address rule with a scheme": {
			`spec: {passive: {addressRules: [{clients: [10.0.0.0/8], address: "ftp://10.0.0.1"}]}}`,
			`address is neither an IP address nor a host name: write one alone`,
		},
		"an authority of users that is none": {
			`spec: {protocols: {sftp: {trustedUserCAKeys: [nonsense]}}}`,
			`trustedUserCAKeys has something that is not a public key: write each as in the authority's .pub file`,
		},
		"a cipher with a typing error": {
			`spec: {protocols: {sftp: {algorithms: {ciphers: [aes256-crt]}}}}`,
			`spec.protocols.sftp.algorithms.ciphers[0]: Unsupported value: "aes256-crt"`,
		},
		"an algorithm of another kind": {
			`spec: {protocols: {sftp: {algorithms: {macs: [ssh-rsa]}}}}`,
			`spec.protocols.sftp.algorithms.macs[0]: Unsupported value: "ssh-rsa"`,
		},
		"a source range that is none": {
			`spec: {expose: {loadBalancer: {sourceRanges: [192.0.2.1]}}}`,
			`sourceRanges has something that is not a network: write networks such as 192.0.2.0/24 or 2001:db8::/32`,
		},
		"a balancer's setting without a balancer": {
			`spec: {expose: {type: NodePort, loadBalancer: {class: example.com/lb}}}`,
			`loadBalancer is for the type LoadBalancer: remove it, or set that type`,
		},
		"a balancer's address that is a name": {
			`spec: {expose: {loadBalancer: {address: ftp.example.com}}}`,
			`address is not an IP address: write one such as 203.0.113.10; a host name that clients are told belongs into passive.address`,
		},
		"a traffic policy inside the cluster": {
			`spec: {expose: {type: ClusterIP, nodePort: {externalTrafficPolicy: Local}}}`,
			`nodePort is for the type NodePort: remove it, or set that type`,
		},
		"a network of PROXY headers that is none": {
			`spec: {expose: {proxyProtocolFrom: [balancer]}}`,
			`proxyProtocolFrom has something that is not a network: write networks such as 10.0.0.0/8`,
		},
		"replicas on several nodes behind node ports that keep to one": {
			`spec: {replicas: 2, expose: {type: NodePort, nodePort: {externalTrafficPolicy: Local}}, storage: {claim: {accessModes: [ReadWriteMany]}}}`,
			`a node would drop data connections for pods elsewhere`,
		},
		"two kinds of storage": {
			`spec: {storage: {claim: {}, ephemeral: {}}}`,
			`storage has more than one of claim, existingClaim and ephemeral: keep one`,
		},
		"a claim for nothing": {
			`spec: {storage: {claim: {size: 0}}}`,
			`size is not above zero: write an amount such as 10Gi`,
		},
		"ephemeral replicas": {
			`spec: {replicas: 2, storage: {ephemeral: {}}}`,
			`with storage.ephemeral each of several replicas would have files of its own`,
		},
		"replicas on a volume for one pod": {
			`spec: {replicas: 2, storage: {claim: {accessModes: [ReadWriteOncePod]}}}`,
			`a claim with ReadWriteOncePod alone takes one pod`,
		},
		"replicas on several nodes behind a balancer that keeps to one": {
			`spec: {replicas: 2, expose: {loadBalancer: {externalTrafficPolicy: Local}}, storage: {claim: {accessModes: [ReadWriteMany]}}}`,
			`a node would drop data connections for pods elsewhere`,
		},
		"two sources of the certificate": {
			`spec: {tls: {secretRef: {name: a}, issuerRef: {name: b}}}`,
			`tls has both secretRef and issuerRef: keep the one that shall provide the certificate`,
		},
		"names for a certificate that is not issued": {
			`spec: {tls: {secretRef: {name: a}, dnsNames: [ftp.example.com]}}`,
			`with secretRef the certificate is yours: remove one of them`,
		},
		"a duration in days": {
			`spec: {drain: {timeout: 1d}}`,
			`this is neither a duration nor Never: write one such as 90s, 5m or 1h30m, or Never`,
		},
		"a duration without a unit": {
			`spec: {sessions: {loginGrace: "90"}}`,
			`this is not a duration: write one such as 90s, 5m or 1h30m`,
		},
		"an active mode that is none": {
			`spec: {activeMode: Maybe}`,
			`spec.activeMode: Unsupported value: "Maybe": supported values: "Allowed", "Refused"`,
		},
		"an ASCII mode that is none": {
			`spec: {ascii: Guess}`,
			`spec.ascii: Unsupported value: "Guess": supported values: "Convert", "Keep"`,
		},
		"a version of TLS that is none": {
			`spec: {tls: {minVersion: "1.4"}}`,
			`spec.tls.minVersion: Unsupported value: "1.4": supported values: "1.0", "1.1", "1.2", "1.3"`,
		},
		"a version of TLS without quotes": {
			`spec: {tls: {minVersion: 1.2}}`,
			`spec.tls.minVersion in body must be of type string`,
		},
		"uploads that are never kept": {
			`spec: {storage: {keepIncomplete: 0h}}`,
			`this is no time at all: write a duration above zero, such as 90s, or leave the field out for its default`,
		},
		"uploads that are kept in no defined way": {
			`spec: {storage: {keepIncomplete: Never}}`,
			`this is not a duration: write one such as 90s, 5m or 1h30m`,
		},
		"a drain of no time": {
			`spec: {drain: {timeout: 0s}}`,
			`this is no time at all: write a duration above zero, such as 90s, or Never, or leave the field out for its default`,
		},
		"sessions that may not be idle at all": {
			`spec: {sessions: {idleTimeout: 0h0m}}`,
			`this is no time at all`,
		},
		"a timeout in words": {
			`spec: {sessions: {idleTimeout: 'Off'}}`,
			`this is neither a duration nor Never: write one such as 90s, 5m or 1h30m, or Never`,
		},
		"strangers who may wait for ever": {
			`spec: {sessions: {loginGrace: Never}}`,
			`this is not a duration: write one such as 90s, 5m or 1h30m`,
		},
		"a ban after no failure": {
			`spec: {sessions: {ban: {failures: 0}}}`,
			`spec.sessions.ban.failures in body should be greater than or equal to 1`,
		},
		"a user of the host network who cannot bind the ports": {
			`spec: {expose: {type: HostNetwork}, podTemplate: {securityContext: {runAsUser: 1000}}}`,
			`on the host network, ports below 1024 need root, and podTemplate.securityContext.runAsUser names somebody else`,
		},
		"a data port of the host network that another user cannot bind": {
			`spec: {expose: {type: HostNetwork}, protocols: {ftp: {port: 2121}}, podTemplate: {securityContext: {runAsUser: 1000}}}`,
			`on the host network, ports below 1024 need root`,
		},
		"root": {
			`spec: {podTemplate: {securityContext: {runAsUser: 0}}}`,
			`spec.podTemplate.securityContext.runAsUser in body should be greater than or equal to 1`,
		},
		"a group without a user": {
			`spec: {podTemplate: {securityContext: {runAsGroup: 1000}}}`,
			`runAsGroup is given without runAsUser, which container runtimes refuse: give both`,
		},
		"a policy for a group that is not given": {
			`spec: {podTemplate: {securityContext: {fsGroupChangePolicy: Always}}}`,
			`fsGroupChangePolicy says how fsGroup is given to the volume: give fsGroup too, or remove it`,
		},
		"a claim for no mode": {
			`spec: {storage: {claim: {accessModes: [WriteOnly]}}}`,
			`supported values: "ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod", "ReadOnlyMany"`,
		},
		"a source without a kind": {
			`spec: {storage: {claim: {dataSourceRef: {name: old}}}}`,
			`spec.storage.claim.dataSourceRef.kind: Required value`,
		},
		"a mode of uploads that is none": {
			`spec: {storage: {uploads: Hidden}}`,
			`spec.storage.uploads: Unsupported value: "Hidden": supported values: "Direct", "Atomic"`,
		},
		"a time to keep uploads in days": {
			`spec: {storage: {keepIncomplete: 7d}}`,
			`this is not a duration: write one such as 90s, 5m or 1h30m`,
		},
		"a mode without quotes": {
			`spec: {storage: {fileMode: 0640}}`,
			`spec.storage.fileMode in body must be of type string`,
		},
		"a mode that is not octal": {
			`spec: {storage: {fileMode: "0689"}}`,
			`this is not a mode: write three octal digits for owner, group and others after a 0, in quotes, such as 0640`,
		},
		"a mode with a special bit": {
			`spec: {storage: {folderMode: "2770"}}`,
			`special bits (setuid, setgid, sticky) cannot be set here`,
		},
		"a mode in letters": {
			`spec: {storage: {umask: u=rw}}`,
			`this is not a mode`,
		},
		"a umask against the server itself": {
			`spec: {storage: {umask: "0277"}}`,
			`umask takes permissions from the owner, which is the server itself, so that it could not serve the files: write one whose first digit is 0, such as 0027`,
		},
		"a umask of three digits against the server itself": {
			`spec: {storage: {umask: "777"}}`,
			`umask takes permissions from the owner`,
		},
		"files that the server could not read": {
			`spec: {storage: {fileMode: "0240"}}`,
			`fileMode does not let the owner, which is the server itself, read and write: write one that begins with 06 or 07, such as 0640`,
		},
		"files that the server could not write": {
			`spec: {storage: {fileMode: "444"}}`,
			`fileMode does not let the owner`,
		},
		"folders that the server could not enter": {
			`spec: {storage: {folderMode: "0640"}}`,
			`folderMode does not let the owner, which is the server itself, read, write and enter: write one that begins with 07, such as 0750`,
		},
		"transfers that may not pause at all": {
			`spec: {sessions: {stallTimeout: 0s}}`,
			`this is no time at all`,
		},
		"no connection before login": {
			`spec: {sessions: {maxBeforeLogin: -1}}`,
			`spec.sessions.maxBeforeLogin in body should be greater than or equal to 1`,
		},
		"an exemption that is no network": {
			`spec: {sessions: {ban: {exempt: [office]}}}`,
			`exempt has something that is neither an address nor a network: write 192.0.2.7 or 10.0.0.0/8`,
		},
		"no upload at all": {
			`spec: {sessions: {bandwidth: {upload: 0}}}`,
			`upload is not above zero: write bytes per second such as 10Mi, or leave it out for no limit`,
		},
		"no download at all": {
			`spec: {sessions: {bandwidth: {download: "-1"}}}`,
			`download is not above zero: write bytes per second such as 10Mi, or leave it out for no limit`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := api.Create(t.Context(), object(t, ns, "FileServer", "refused", c.manifest))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got: %v\nwant an error with: %s", err, c.want)
			}
		})
	}
}

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
	fs := apply(`spec: {protocols: {sftp: {}}, storage: {ephemeral: {}}}`)
	if fs.Spec.Protocols.FTP != nil {
		t.Error("FTP is served although it is no longer named")
	}
	if fs.Spec.Storage.Claim != nil {
		t.Error("the claim stayed beside the storage that replaced it")
	}
}

func TestClaimChangesRefused(t *testing.T) {
	ns := namespace(t)
	for name, c := range map[string]struct{ before, after, want string }{
		"smaller": {
			`spec: {storage: {claim: {size: 10Gi}}}`, `spec: {storage: {claim: {size: 9Gi}}}`,
			`size would shrink, which volumes cannot: keep the old size, or move the files to a FileServer with a smaller one`,
		},
		"other-modes": {
			`spec: {storage: {claim: {}}}`, `spec: {storage: {claim: {accessModes: [ReadWriteMany]}}}`,
			`accessModes cannot change while the claim exists: move the files to a FileServer with the other modes`,
		},
		"another-selector": {
			`spec: {storage: {claim: {selector: {matchLabels: {a: b}}}}}`, `spec: {storage: {claim: {selector: {matchLabels: {a: c}}}}}`,
			`selector cannot change while the claim exists`,
		},
		"another-volume": {
			`spec: {storage: {claim: {volumeName: a}}}`, `spec: {storage: {claim: {volumeName: b}}}`,
			`volumeName cannot change while the claim exists`,
		},
		"another-source": {
			`spec: {storage: {claim: {dataSourceRef: {kind: PersistentVolumeClaim, name: a}}}}`, `spec: {storage: {claim: {dataSourceRef: {kind: PersistentVolumeClaim, name: b}}}}`,
			`dataSourceRef cannot change while the claim exists`,
		},
		"a-volume-too-late": {
			`spec: {storage: {claim: {}}}`, `spec: {storage: {claim: {volumeName: b}}}`,
			`selector, volumeName and dataSourceRef count when the claim is made: they cannot be added or removed later`,
		},
		"no-attributes-any-more": {
			`spec: {storage: {claim: {volumeAttributesClassName: gold}}}`, `spec: {storage: {claim: {}}}`,
			`volumeAttributesClassName cannot be removed: name another class`,
		},
		"another-class": {
			`spec: {storage: {claim: {storageClassName: slow}}}`, `spec: {storage: {claim: {storageClassName: fast}}}`,
			`storageClassName cannot change while the claim exists: move the files to a FileServer with the other class`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := object(t, ns, "FileServer", name, c.before)
			if err := api.Create(t.Context(), before); err != nil {
				t.Fatal(err)
			}
			after := object(t, ns, "FileServer", name, c.after)
			after.SetResourceVersion(before.GetResourceVersion())
			if err := api.Update(t.Context(), after); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got: %v\nwant an error with: %s", err, c.want)
			}
		})
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
