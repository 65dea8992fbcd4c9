package pki

import (
	"crypto/x509"
	"net/netip"
	"os"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

func TestACertificateIsKeptUntilItsSubjectChanges(t *testing.T) {
	d := Dir(t.TempDir())
	if err := d.EnsureCA(); err != nil {
		t.Fatal(err)
	}
	read := func(s Subject) string {
		t.Helper()
		if err := d.Ensure(s); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(d.Cert(s.Name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	s := Subject{Name: APIServer, CommonName: "kube-apiserver", Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
	first := read(s)
	if read(s) != first {
		t.Error("the same subject got a new certificate")
	}
	s.Addresses = append(s.Addresses, netip.MustParseAddr("2001:db8::1"))
	if read(s) == first {
		t.Error("a subject with another address kept its certificate")
	}
}

func TestTheAuthorityVouchesForServersAndClients(t *testing.T) {
	d := Dir(t.TempDir())
	if err := d.EnsureCA(); err != nil {
		t.Fatal(err)
	}
	if err := d.Ensure(Subject{Name: Admin, CommonName: "admin", Organizations: []string{"system:masters"}, DNSNames: []string{"kubernetes.default"}}); err != nil {
		t.Fatal(err)
	}
	ca, err := d.load(CA)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := d.load(Admin)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: "kubernetes.default", KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			t.Errorf("usage %v: %v", usage, err)
		}
	}
}

func TestAKubeconfigNeedsNoOtherFile(t *testing.T) {
	d := Dir(t.TempDir())
	if err := d.EnsureCA(); err != nil {
		t.Fatal(err)
	}
	if err := d.Ensure(Subject{Name: Admin, CommonName: "admin"}); err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/kubeconfig"
	if err := d.WriteKubeconfig(path, "demo", "https://127.0.0.1:1234", Admin); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(string(d)); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != "https://127.0.0.1:1234" || len(config.CertData) == 0 || len(config.CAData) == 0 {
		t.Errorf("incomplete: %v", config)
	}
}
