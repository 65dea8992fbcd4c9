package resources_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

func slot(n int, first, last int32) resources.Slot {
	return resources.Slot{Number: n, Ports: v1alpha1.PortRange{First: first, Last: last}}
}

func TestService(t *testing.T) {
	for name, spec := range map[string]string{
		"a load balancer by default":     `{}`,
		"SFTP alone":                     `{protocols: {sftp: {}}}`,
		"other ports":                    `{protocols: {ftp: {port: 2121, dataPort: 2120}, sftp: {port: 2022}}, passive: {ports: {first: 3000, last: 3002}}}`,
		"a load balancer with its setup": `{protocols: {sftp: {}}, expose: {annotations: {a: b}, labels: {c: d}, loadBalancer: {class: example.com/lb, address: 203.0.113.10, sourceRanges: [192.0.2.0/24], externalTrafficPolicy: Cluster, allocateNodePorts: false}, ipFamilyPolicy: PreferDualStack, ipFamilies: [IPv6, IPv4]}}`,
		"a class without node ports":     `{protocols: {sftp: {}}, expose: {loadBalancer: {class: io.cilium/l2-announcer}}}`,
		"node ports":                     `{protocols: {ftps: {}}, passive: {ports: {first: 50000, last: 50001}}, expose: {type: NodePort}}`,
		"inside the cluster":             `{protocols: {sftp: {}}, expose: {type: ClusterIP}}`,
		"the host network":               `{expose: {type: HostNetwork}}`,
	} {
		t.Run(name, func(t *testing.T) { golden(t, "service", name, server(t, spec).Service(nil)) })
	}
}

func TestWhoGetsNodePortsForABalancer(t *testing.T) {
	for name, c := range map[string]struct {
		spec   string
		noNeed bool // of the cluster's balancers
		want   bool
	}{
		"by default":                           {`{}`, false, true},
		"a class that nobody knows":            {`{expose: {loadBalancer: {class: example.com/lb}}}`, false, true},
		"a class that needs none":              {`{expose: {loadBalancer: {class: kube-vip.io/kube-vip-class}}}`, false, false},
		"a class that needs none, asked for":   {`{expose: {loadBalancer: {class: tailscale, allocateNodePorts: true}}}`, false, true},
		"balancers that need none":             {`{}`, true, false},
		"balancers that need none, asked for":  {`{expose: {loadBalancer: {allocateNodePorts: true}}}`, true, true},
		"more ports than a cluster can afford": {`{passive: {ports: {first: 50000, last: 50300}}}`, false, false},
		"declined":                             {`{expose: {loadBalancer: {allocateNodePorts: false}}}`, false, false},
	} {
		s := server(t, c.spec)
		s.NoNodePorts = c.noNeed
		if got := *s.Service(nil).Spec.AllocateLoadBalancerNodePorts; got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

func TestServiceKeepsThePortsOfOlderPods(t *testing.T) {
	s := server(t, `{protocols: {ftp: {}}, passive: {ports: {first: 50005, last: 50007}}}`)
	golden(t, "service", "older pods serve other ports", s.Service(nil, v1alpha1.PortRange{First: 50003, Last: 50005}))
	golden(t, "service", "older pods serve another protocol", s.Service([]resources.ProtocolPort{{Name: "ftps", Port: 990}, {Name: "ftps-data", Port: 989}, {Name: "ftp", Port: 2121}, {Name: "sftp", Port: 21}}))
}

func TestDeployment(t *testing.T) {
	for name, spec := range map[string]string{
		"everything by default":         `{}`,
		"plain FTP alone":               `{protocols: {ftp: {tls: Disabled}}}`,
		"own Secrets and claim":         `{storage: {existingClaim: mine}, tls: {secretRef: {name: my-tls}}, sshHostKeys: {secretRef: {name: my-keys}}}`,
		"a drain that waits for all":    `{drain: {timeout: Never}, protocols: {ftp: {tls: Disabled}}}`,
		"files of another user":         `{podTemplate: {securityContext: {runAsUser: 1000, runAsGroup: 1000, supplementalGroups: [5000]}}}`,
		"a group for the volume":        `{podTemplate: {securityContext: {runAsUser: 1000, fsGroup: 2000, fsGroupChangePolicy: Always}}}`,
		"ids that the platform chooses": `{podTemplate: {securityContext: {}, sysctls: None}}`,
		"ports that everybody may use":  `{protocols: {sftp: {port: 2022}, ftp: {port: 2121, dataPort: 2120}}}`,
		"ephemeral storage":             `{storage: {ephemeral: {sizeLimit: 1Gi}}, protocols: {ftps: {}}}`,
		"the host network":              `{expose: {type: HostNetwork}}`,
		"high ports of the host":        `{expose: {type: HostNetwork}, protocols: {ftp: {port: 2121, dataPort: 2120}}}`,
		"metrics on another port":       `{metrics: {port: 9100}, protocols: {ftp: {tls: Disabled}}}`,
		"an audit trail in files":       `{audit: {output: File}, protocols: {ftp: {tls: Disabled}}}`,
		"events with credentials":       `{events: {sink: {uri: "https://intake.example.com/", credentialsSecretRef: {name: intake}}}, protocols: {ftp: {tls: Disabled}}}`,
		"an audit trail on a claim":     `{audit: {output: File, file: {claimName: trail, maxSize: 1Mi, keep: 2}}, protocols: {ftp: {tls: Disabled}}}`,
		"own times for lost nodes":      `{podTemplate: {tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 600}]}}`,
		"a pod template": `
  image: registry.example/other:2
  imagePullPolicy: Always
  logLevel: Debug
  drain: {timeout: 1h, acceptFor: 20s}
  podTemplate:
    labels: {team: exchange, app.kubernetes.io/name: not-mine}
    annotations: {note: hello}
    resources: {limits: {cpu: "2", memory: 1Gi}}
    nodeSelector: {disk: fast}
    env: [{name: TZ, value: Europe/Berlin}, {name: NODE_ADDRESS, value: not-mine}]
    hostAliases: [{ip: 192.0.2.1, hostnames: [nas]}]
    dnsConfig: {searches: [example.com]}
    tolerations: [{key: ftp, operator: Exists}]
    affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: rack, labelSelector: {matchLabels: {a: b}}}]}}
    topologySpreadConstraints: [{maxSkew: 2, topologyKey: rack, whenUnsatisfiable: DoNotSchedule}]
    priorityClassName: high
    runtimeClassName: gvisor
    schedulerName: mine
    serviceAccountName: ftp
    imagePullSecrets: [{name: pull}]`,
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, "deployment", name, server(t, spec).SlotDeployment(slot(1, 50010, 50012)))
		})
	}
}

func TestDeploymentOfAVolumeForManyNodesSpreads(t *testing.T) {
	s := server(t, `{}`)
	s.OneNode = false
	golden(t, "deployment", "a volume for many nodes", s.SlotDeployment(slot(0, 50000, 50000)))
}

func TestDeploymentOfAVolumeThatIsReadSpreadsAndMountsItReadOnly(t *testing.T) {
	s := server(t, `{}`)
	s.OneNode, s.ReadOnly = resources.OneNode([]corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany}), true
	golden(t, "deployment", "a volume that is only read", s.SlotDeployment(slot(0, 50000, 50000)))
}

func TestDeploymentOfABucketHasNoVolumeForFilesAndSpreads(t *testing.T) {
	s := server(t, `{storage: {bucket: {name: files, credentialsSecretRef: {name: my-bucket}}}}`)
	s.OneNode = false
	golden(t, "deployment", "a bucket", s.SlotDeployment(slot(0, 50000, 50000)))
}

func TestPullSecretsOfAllServersComeAfterThoseOfOne(t *testing.T) {
	s := server(t, `{podTemplate: {imagePullSecrets: [{name: mine}, {name: both}]}}`)
	s.PullSecrets = []string{"both", "everybodys"}
	var got []string
	for _, r := range s.SlotDeployment(slot(0, 50000, 50000)).Spec.Template.Spec.ImagePullSecrets {
		got = append(got, *r.Name)
	}
	if want := []string{"mine", "both", "everybodys"}; !slices.Equal(got, want) {
		t.Errorf("the image is pulled with %v; want %v", got, want)
	}
}

func TestSharedDeployment(t *testing.T) {
	s := server(t, `{protocols: {sftp: {}}}`)
	golden(t, "deployment", "SFTP alone", s.SharedDeployment(3, true))
	golden(t, "deployment", "SFTP alone with a volume for one pod", s.SharedDeployment(1, false))
}

func TestConfigMap(t *testing.T) {
	for name, spec := range map[string]string{
		"everything by default":                    `{}`,
		"SFTP alone":                               `{protocols: {sftp: {banner: Hello., trustedUserCAKeys: [ssh-ed25519 AAAA], algorithms: {ciphers: [aes256-ctr]}}}}`,
		"plain FTP alone":                          `{protocols: {ftp: {tls: Disabled}}}`,
		"hidden client addresses":                  `{expose: {loadBalancer: {externalTrafficPolicy: Cluster}}}`,
		"PROXY protocol":                           `{expose: {loadBalancer: {externalTrafficPolicy: Cluster}, proxyProtocolFrom: [10.0.0.0/8]}}`,
		"an audit trail in files":                  `{audit: {output: File, file: {claimName: trail, maxSize: 1Mi, keep: 2}}, protocols: {ftp: {tls: Disabled}}}`,
		"events":                                   `{events: {sink: {ref: {name: intake}, uri: /files, credentialsSecretRef: {name: intake}}, types: [UploadCompleted], paths: ["/inbox/**"]}, protocols: {ftp: {tls: Disabled}}}`,
		"no audit trail":                           `{audit: {output: None}, protocols: {ftp: {tls: Disabled}}}`,
		"every limit":                              `{sessions: {max: 9, maxPerUser: 2, maxPerAddress: 3, idleTimeout: 1h, loginGrace: 5s, bandwidth: {upload: 1M, download: 2Mi}, ban: {failures: 3, window: 1m, duration: 2m}}, drain: {timeout: 1h, acceptFor: 1s}, storage: {uploads: Atomic}}`,
		"bans turned off":                          `{sessions: {ban: {duration: Never, exempt: [10.0.0.0/8]}}}`,
		"what people want to set":                  `{activeMode: Refused, ascii: Keep, tls: {minVersion: "1.0"}, storage: {keepIncomplete: 24h, umask: "0022", fileMode: "0640", folderMode: "0750"}, sessions: {stallTimeout: 10m, countKeepAlives: true, maxBeforeLogin: 1000, ban: {exempt: [192.0.2.7, 10.1.2.3/8]}}}`,
		"active mode in spite of hidden addresses": `{activeMode: Allowed, expose: {type: NodePort}}`,
		"active mode is nothing that SFTP has":     `{activeMode: Refused, ascii: Keep, protocols: {sftp: {}}, expose: {type: NodePort}}`,
		"what never ends":                          `{sessions: {idleTimeout: Never, stallTimeout: Never}, drain: {timeout: Never}}`,
		"a banner and what is asked of clients":    `{ftpBanner: "Hello\nthere", tls: {cipherSuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256], clientCertificates: {mode: Required, authoritiesFrom: {name: partners}}}}`,
		"a bucket":                                 `{storage: {bucket: {name: files}}}`,
		"a bucket with its setup":                  `{storage: {keepIncomplete: 24h, bucket: {name: files, endpoint: "https://s3.example.com", region: eu-1, prefix: a/b, pathStyle: true, credentialsSecretRef: {name: my-bucket}, caBundle: PEM, encryption: {type: KMS, kmsKeyID: k}, storageClass: COLD, partSize: 16Mi}}}`,
		"told addresses":                           `{passive: {address: ftp.example.com, addressRules: [{clients: [10.0.0.0/8], address: 10.0.0.1}], peerCheck: Any}}`,
	} {
		t.Run(name, func(t *testing.T) { golden(t, "configmap", name, configMap(t, server(t, spec))) })
	}
}

func configMap(t *testing.T, s resources.Server) any {
	t.Helper()
	b, err := s.Config().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return s.ConfigMap(map[string]string{s.ConfigKey(): string(b)})
}

func TestConfigMapTellsWhereClientsReachTheServer(t *testing.T) {
	balancer := &corev1.Service{Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: "198.51.100.1"}, {IP: "2001:db8::1"}}}}}
	named := &corev1.Service{Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{Hostname: "lb.example.com"}}}}}
	internal := &corev1.Service{Spec: corev1.ServiceSpec{ClusterIPs: []string{"10.96.0.10", "fd00::10"}}}
	ported := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 21, NodePort: 30021}, {Port: 50000, NodePort: 30100}, {Port: 50001, NodePort: 30101}}}}
	nodes := []corev1.Node{node("a", corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: "198.18.0.1"})}
	other := node("b", corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: "198.18.0.2"})
	public := []corev1.Node{node("a", corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: "198.18.0.1"}, corev1.NodeAddress{Type: corev1.NodeExternalIP, Address: "203.0.113.1"})}
	const ftp = `protocols: {ftp: {}}, passive: {ports: {first: 50000, last: 50001}}`

	for name, c := range map[string]struct {
		spec  string
		svc   *corev1.Service
		nodes []corev1.Node
	}{
		"a balancer's addresses":         {`{` + ftp + `}`, balancer, nil},
		"a balancer's host name":         {`{` + ftp + `}`, named, nil},
		"a balancer without address":     {`{` + ftp + `}`, nil, nil},
		"cluster IPs":                    {`{` + ftp + `, expose: {type: ClusterIP}}`, internal, nil},
		"node ports":                     {`{` + ftp + `, expose: {type: NodePort}}`, ported, nodes},
		"node ports of public nodes":     {`{` + ftp + `, expose: {type: NodePort}}`, ported, public},
		"node ports that keep to a node": {`{` + ftp + `, expose: {type: NodePort, nodePort: {externalTrafficPolicy: Local}}}`, ported, public},
		"the host network":               {`{` + ftp + `, expose: {type: HostNetwork}}`, internal, nodes},
		"an address that is overridden":  {`{protocols: {ftp: {}}, passive: {address: 203.0.113.9}}`, balancer, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t, c.spec)
			s.Exposure = resources.Observe(&s.Spec, s.TrafficPolicy(), c.svc, resources.Nodes{Shown: c.nodes, All: append(slices.Clone(c.nodes), other)})
			golden(t, "configmap", name, configMap(t, s))
			golden(t, "endpoints", name, s.Endpoints())
		})
	}
}

func node(name string, addresses ...corev1.NodeAddress) corev1.Node {
	return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Addresses: addresses}}
}

func TestClaim(t *testing.T) {
	for name, spec := range map[string]string{
		"10Gi by default": `{}`,
		"from a snapshot": `{storage: {claim: {dataSourceRef: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: old}, volumeAttributesClassName: gold}}}`,
		"a chosen volume": `{storage: {claim: {volumeName: pv-7, selector: {matchLabels: {disk: old}}, accessModes: [ReadOnlyMany]}}}`,
		"as described":    `{storage: {claim: {size: 1Ti, storageClassName: fast, accessModes: [ReadWriteMany], labels: {a: b}, annotations: {c: d}}}}`,
	} {
		t.Run(name, func(t *testing.T) { golden(t, "persistentvolumeclaim", name, server(t, spec).Claim(nil)) })
	}
	if c := server(t, `{storage: {ephemeral: {}}}`).Claim(nil); c != nil {
		t.Error("ephemeral storage got a claim")
	}
}

func TestClaimThatExistsKeepsWhatCannotChange(t *testing.T) {
	class := "old"
	s := server(t, `{storage: {claim: {size: 5Gi, storageClassName: new, accessModes: [ReadWriteMany]}}}`)
	golden(t, "persistentvolumeclaim", "one that exists", s.Claim(&corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{
		StorageClassName: &class,
		AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: quantity("20Gi")}},
	}}))
}

func TestWhatAClaimWasMadeFromIsAppliedForAsLongAsItLasts(t *testing.T) {
	s := server(t, `{storage: {claim: {volumeName: pv-7, selector: {matchLabels: {disk: old}}, dataSourceRef: {kind: PersistentVolumeClaim, name: other}}}}`)
	made := s.Claim(nil)
	b, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	var existing corev1.PersistentVolumeClaim
	if err := json.Unmarshal(b, &existing); err != nil {
		t.Fatal(err)
	}
	existing.Status.Phase = corev1.ClaimBound
	if again := s.Claim(&existing); !reflect.DeepEqual(made.Spec, again.Spec) {
		t.Errorf("the claim was made as %+v, and is applied as %+v", made.Spec, again.Spec)
	}
}

func TestOnlyAClaimForReadersAloneIsReadOnly(t *testing.T) {
	for _, tc := range []struct {
		modes             []corev1.PersistentVolumeAccessMode
		readOnly, oneNode bool
	}{
		{[]corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany}, true, false},
		{[]corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce, corev1.ReadOnlyMany}, false, true},
		{[]corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}, false, false},
		{[]corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, false, true},
		{nil, false, true},
	} {
		if r, n := resources.ReadOnly(tc.modes), resources.OneNode(tc.modes); r != tc.readOnly || n != tc.oneNode {
			t.Errorf("%v: read-only %v and on one node %v; want %v and %v", tc.modes, r, n, tc.readOnly, tc.oneNode)
		}
	}
}

func TestClaimThatWaitsForItsVolumeIsAppliedAsItWasMade(t *testing.T) {
	class := "the cluster's default"
	s := server(t, `{}`)
	made := s.Claim(nil)
	again := s.Claim(&corev1.PersistentVolumeClaim{
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &class,
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: quantity("10Gi")}},
		},
		Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
	})
	if !reflect.DeepEqual(made, again) {
		t.Errorf("the claim was made as %+v, and is applied as %+v", made.Spec, again.Spec)
	}
}

func TestNetworkPolicy(t *testing.T) {
	golden(t, "networkpolicy", "everything by default", server(t, `{}`).NetworkPolicy(resources.OlderPorts{}))
	read := server(t, `{protocols: {sftp: {}}}`)
	read.MetricsNamespaces = []string{"fileserver-system", "monitoring"}
	golden(t, "networkpolicy", "metrics for some namespaces", read.NetworkPolicy(resources.OlderPorts{}))
	read.Spec.Metrics.Port = 9100
	golden(t, "networkpolicy", "metrics on another port", read.NetworkPolicy(resources.OlderPorts{Metrics: []int32{9090}}))
	golden(t, "networkpolicy", "older pods serve other ports", server(t, `{protocols: {sftp: {}}}`).NetworkPolicy(resources.OlderPorts{Clients: []v1alpha1.PortRange{{First: 50000, Last: 50009}}}))
}

func TestDisruption(t *testing.T) {
	for name, spec := range map[string]string{
		"slots":                      `{replicas: 2}`,
		"SFTP alone":                 `{replicas: 2, protocols: {sftp: {}}}`,
		"slots that may be evicted":  `{replicas: 4, disruption: {maxUnavailable: "30%"}}`,
		"SFTP that may be evicted":   `{replicas: 2, protocols: {sftp: {}}, disruption: {maxUnavailable: 3}}`,
		"evictions of no pod at all": `{replicas: 2, disruption: {maxUnavailable: 0}}`,
	} {
		t.Run(name, func(t *testing.T) { golden(t, "poddisruptionbudget", name, server(t, spec).Disruption(false)) })
	}
	golden(t, "poddisruptionbudget", "slots that move", server(t, `{replicas: 4, disruption: {maxUnavailable: 1}}`).Disruption(true))
}

func TestCertificateOfCertManager(t *testing.T) {
	for name, dnsNames := range map[string]string{
		"a cluster issuer":             `[ftp.example.com]`,
		"an address that is asked for": `[ftp.example.com, 198.51.100.1]`,
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t, `{tls: {issuerRef: {name: letsencrypt, kind: ClusterIssuer}, dnsNames: `+dnsNames+`}}`)
			names, err := s.RequestedNames()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "certificate", name, s.Certificate(names))
		})
	}
}
