//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

// TestClientsWithoutACertificateStayOutside switches client certificates on and off
// on a server that runs. curl presents its own on data connections, too.
func TestClientsWithoutACertificateStayOutside(t *testing.T) {
	t.Parallel()
	n := newSpace(t)
	target := n.serve("{}")
	pods := n.kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.uid}")
	partners, strangers := fixture.NewCertificate("partners"), fixture.NewCertificate("strangers")
	n.apply(fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: partners}, data: {ca.crt: %q}}", partners.CertPEM))
	with := func(c *fixture.Certificate, name string) []string {
		cert, key := filepath.Join(n.dir, name+".crt"), filepath.Join(n.dir, name+".key")
		if err := c.Write(cert, key); err != nil {
			t.Fatal(err)
		}
		return []string{"--cert", cert, "--key", key}
	}
	partner, stranger := with(partners.Sign("acme"), "acme"), with(strangers.Sign("eve"), "eve")

	for _, step := range []struct {
		spec                       string
		nobody, partner, otherwise bool // who gets in: without a certificate, with one, with another's
	}{
		{`{"tls":{"clientCertificates":{"authoritiesFrom":{"name":"partners"}}}}`, false, true, false},
		{`{"tls":{"clientCertificates":{"mode":"Optional"}}}`, true, true, false},
		{`{"tls":null}`, true, true, true},
	} {
		n.patch(step.spec)
		n.inForce()
		for _, try := range []struct {
			who  string
			args []string
			want bool
		}{{"without a certificate", nil, step.nobody}, {"with one of the partners'", partner, step.partner}, {"with one of strangers'", stranger, step.otherwise}} {
			n.eventually(step.spec+", "+try.who, func() error { return n.getsIn(target, try.args, try.want) })
		}
		if err := n.sftp(target); err != nil {
			t.Errorf("%s: %v", step.spec, err)
		}
	}
	if now := n.kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.uid}"); now != pods {
		t.Error("pods were replaced")
	}
}

// getsIn uploads a file, which has to succeed or to be refused by TLS.
func (n *space) getsIn(t clients.Target, args []string, want bool) error {
	err := n.curl(t, "by-certificate", append([]string{"-T", n.file("put", "content")}, args...)...)
	switch {
	case want:
		return err
	case err == nil:
		return errors.New("an upload succeeds")
	case !strings.Contains(err.Error(), "SSL") && !strings.Contains(err.Error(), "TLS") && !strings.Contains(err.Error(), "certificate"):
		return fmt.Errorf("it fails for another reason: %w", err)
	}
	return nil
}
