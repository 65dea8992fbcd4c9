//go:build e2e

package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Where the programs that issue listen, in the network namespace of the control
// plane.
const (
	acmeServer = "127.0.0.1:14000"
	dnsServer  = "127.0.0.1:8053"
	acmeDNS    = "127.0.0.1:8055"
)

// issuers are cert-manager, an ACME server, and the DNS server that it asks.
// They run beside the control plane, like other programs of the cluster.
type issuers struct{ n *space }

// startIssuers builds and starts them, and has the namespace know an Issuer "acme",
// which issues for names, and an Issuer "self", which signs a certificate with
// its own key.
func (n *space) startIssuers(names ...string) *issuers {
	n.t.Helper()
	insideOnly(n.t)
	folders := strings.Fields(n.cluster("certificates"))
	if len(folders) != 3 {
		n.t.Fatalf("hack/cluster printed the folders %q", folders)
	}
	certManager, acme, crds := folders[0], folders[1], folders[2]
	n.kubectl("apply", "--server-side", "-f", crds)
	n.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		kube.Kubectl(ctx, "delete", "-f", crds, "--wait=false")
	})
	n.kubectl("wait", "--for=condition=Established", "--timeout=1m", "-f", crds)

	i := &issuers{n: n}
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": acmeServer, "certificate": n.path("acme.crt"), "privateKey": n.path("acme.key"),
		"keyAlgorithm": "ecdsa", "retryAfter": map[string]int{"authz": 1, "order": 1},
	}})
	if err != nil {
		n.t.Fatal(err)
	}
	ca := n.makeCertificate("acme", "127.0.0.1")
	i.start(filepath.Join(acme, "names"), "-dns", dnsServer, "-api", acmeDNS)
	i.start(filepath.Join(acme, "pebble"), "-config", n.file("pebble.json", string(config)), "-dnsserver", dnsServer)
	i.start(filepath.Join(certManager, "certmanager"), "-kubeconfig", n.kubeconfigInside(), "-nameservers", dnsServer)

	accounts := map[string]any{}
	for _, name := range names {
		accounts[name] = map[string]string{"username": "test", "password": "test", "fulldomain": name, "subdomain": "_acme-challenge." + name + "."}
	}
	account, err := json.Marshal(accounts)
	if err != nil {
		n.t.Fatal(err)
	}
	n.applyObject(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "acme-dns"},
		"stringData": map[string]any{"account.json": string(account)},
	})
	n.applyObject(map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": map[string]any{"name": "acme"},
		"spec": map[string]any{"acme": map[string]any{
			"server": "https://" + acmeServer + "/dir", "caBundle": ca,
			"privateKeySecretRef": map[string]any{"name": "acme-account"},
			"solvers": []any{map[string]any{
				// The DNS server has the record as soon as it was told; cert-manager would wait
				// a minute more for the caches of others.
				"waitInsteadOfSelfCheck": "0s",
				"dns01": map[string]any{"acmeDNS": map[string]any{
					"host": "http://" + acmeDNS, "accountSecretRef": map[string]any{"name": "acme-dns", "key": "account.json"},
				}},
			}},
		}},
	})
	n.applyObject(map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": map[string]any{"name": "self"},
		"spec": map[string]any{"selfSigned": map[string]any{}},
	})
	return i
}

// start runs a program beside the control plane until the test has ended.
func (i *issuers) start(program string, args ...string) {
	i.n.t.Helper()
	name := filepath.Base(program)
	log, err := os.Create(i.n.path(name + ".log"))
	if err != nil {
		i.n.t.Fatal(err)
	}
	cmd := kube.On(context.Background(), "control", program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		i.n.t.Fatal(err)
	}
	i.n.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		log.Close()
		if i.n.t.Failed() {
			said, _ := os.ReadFile(log.Name())
			i.n.t.Logf("%s\n%s", name, said[max(0, len(said)-8<<10):])
		}
	})
}

// cluster runs hack/cluster and returns what it prints.
func (n *space) cluster(args ...string) string {
	n.t.Helper()
	out, err := kube.Run(n.t.Context(), args...)
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

func (n *space) path(name string) string { return filepath.Join(n.dir, name) }

// kubeconfigInside is the administrator's, with the address that the API server
// has inside of the cluster's namespaces.
func (n *space) kubeconfigInside() string {
	n.t.Helper()
	config := n.kubectl("config", "view", "--raw", "--minify")
	inside := n.kubectl("get", "endpointslice", "kubernetes", "-n", "default", "-o", "jsonpath={.endpoints[0].addresses[0]}:{.ports[0].port}")
	return n.file("kubeconfig", regexp.MustCompile(`server: .*`).ReplaceAllString(config, "server: https://"+inside))
}

// makeCertificate writes NAME.crt and NAME.key for an IP address, and returns
// the certificate, which is its own authority.
func (n *space) makeCertificate(name, address string) []byte {
	n.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		n.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(address)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		n.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		n.t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	n.file(name+".crt", string(cert))
	n.file(name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	return cert
}
