//go:build e2e

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/test/clients"
)

// TestCertificatesAreIssuedRenewedAndSwapped has the real cert-manager get
// certificates from an ACME server, which checks each name by DNS-01, and
// changes who issues in every way while sessions of all kinds move files.
func TestCertificatesAreIssuedRenewedAndSwapped(t *testing.T) {
	const name = "ftp.example.com"
	n := newSpace(t)
	n.startIssuers(name)

	// A server with the address of its balancer alone says what it lacks.
	n.apply("{apiVersion: fileserver.dev/v1alpha1, kind: FileServer, metadata: {name: files}, spec: {tls: {issuerRef: {name: acme}}, " + spread + "}}")
	n.hasCondition(v1alpha1.ConditionStalled, "True", v1alpha1.ReasonHostNameMissing)

	// A name that the DNS server cannot be told is one that waits, and says why.
	n.patchTLS(`{"issuerRef":{"name":"acme"},"dnsNames":["other.example.com"]}`)
	n.eventually("the status has what cert-manager says of the challenge", func() error {
		says := n.kubectl("get", "fileserver", "files", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].message}`)
		if !strings.Contains(says, "account credentials not found for domain other.example.com") {
			return fmt.Errorf("it says %q", says)
		}
		return nil
	})

	began := time.Now()
	target := n.serve("{replicas: 2, tls: {issuerRef: {name: acme}, dnsNames: [" + name + "]}, " + spread + "}")
	n.settled(2)
	fmt.Printf("certificates issued in %.1f s, with the start of the pods\n", time.Since(began).Seconds())
	first := n.servesBy(target, "of the ACME server", fromACME(name))

	l := n.startSessions(target, allKinds)
	for _, change := range []struct {
		what string
		do   func()
		from func(*x509.Certificate) error
	}{
		{"renewed", n.renew, func(c *x509.Certificate) error {
			if c.Equal(first) {
				return errors.New("it is the one of before")
			}
			return fromACME(name)(c)
		}},
		{"swapped for another issuer's", func() { n.patchTLS(`{"issuerRef":{"name":"self"}}`) }, fromSelf(name)},
		{"swapped back", func() { n.patchTLS(`{"issuerRef":{"name":"acme"}}`) }, fromACME(name)},
		{"no longer cert-manager's", func() { n.patchTLS(`{"issuerRef":null}`) }, n.fromOwnAuthority},
		{"cert-manager's again", func() { n.patchTLS(`{"issuerRef":{"name":"acme"}}`) }, fromACME(name)},
		{"no longer cert-manager's, which changed while the operator was away", func() {
			n.scaleOperator(0)
			n.patchTLS(`{"issuerRef":null}`)
			n.scaleOperator(1)
		}, n.fromOwnAuthority},
	} {
		began := time.Now()
		change.do()
		n.servesBy(target, change.what, change.from)
		fmt.Printf("certificates %s after %.1f s\n", change.what, time.Since(began).Seconds())
	}
	n.eventually("nothing is left of what was asked for", func() error {
		left := n.kubectl("get", "certificates,certificaterequests,orders,secrets", "-o", "name")
		if strings.Contains(left, "cert-manager.io/") || strings.Contains(left, "secret/files-issued") {
			return errors.New(left)
		}
		return nil
	})
	n.settled(2)
	r := l.finish()
	fmt.Printf("certificates %s\n", r)
	if !r.lossless() {
		t.Errorf("changes of the certificate: %s", r)
	}
}

// patchTLS changes tls of the file server.
func (n *space) patchTLS(tls string) {
	n.t.Helper()
	n.kubectl("patch", "fileserver", "files", "--type=merge", "-p", `{"spec":{"tls":`+tls+`}}`)
}

// renew has cert-manager renew the certificate before its time, as its own
// command for that does.
func (n *space) renew() {
	n.t.Helper()
	n.kubectl("patch", "certificate", "files", "--subresource=status", "--type=json", "-p",
		`[{"op":"add","path":"/status/conditions/-","value":{"type":"Issuing","status":"True","reason":"ManuallyTriggered","message":"A test wants it.","lastTransitionTime":"2030-01-01T00:00:00Z"}}]`)
}

// servesBy waits until the server shows a certificate that is as it should be,
// and says so in its status.
func (n *space) servesBy(target clients.Target, what string, right func(*x509.Certificate) error) *x509.Certificate {
	n.t.Helper()
	var shown *x509.Certificate
	n.eventually("the certificate is "+what, func() (err error) {
		if shown, err = n.shown(target); err != nil {
			return err
		}
		if err := right(shown); err != nil {
			return fmt.Errorf("%w: %s of %s for %s", err, shown.SerialNumber, shown.Issuer, shown.DNSNames)
		}
		reason := n.kubectl("get", "fileserver", "files", "-o", `jsonpath={.status.conditions[?(@.type=="Reconciling")].reason}`)
		if reason != v1alpha1.ReasonReady {
			return fmt.Errorf("the server is %s", reason)
		}
		return nil
	})
	return shown
}

// shown is the certificate that clients see.
func (n *space) shown(target clients.Target) (*x509.Certificate, error) {
	raw, err := kube.Dial(n.t.Context(), net.JoinHostPort(target.Host, strconv.Itoa(target.FTPS)))
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(10 * time.Second))
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, ServerName: target.Host}) // it is looked at here
	if err := conn.Handshake(); err != nil {
		return nil, err
	}
	return conn.ConnectionState().PeerCertificates[0], nil
}

// fromACME wants a certificate of the ACME server's for that name alone.
func fromACME(name string) func(*x509.Certificate) error {
	return func(c *x509.Certificate) error {
		return errors.Join(forName(c, name), issuedBy(c, "Pebble Intermediate CA"))
	}
}

// fromSelf wants one that is its own authority, for that name alone.
func fromSelf(name string) func(*x509.Certificate) error {
	return func(c *x509.Certificate) error {
		if c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
			return errors.New("it is not signed by itself")
		}
		return forName(c, name)
	}
}

// fromOwnAuthority wants one of the file server's own authority.
func (n *space) fromOwnAuthority(c *x509.Certificate) error { return issuedBy(c, n.name+"/files") }

func forName(c *x509.Certificate, name string) error {
	if !slices.Equal(c.DNSNames, []string{name}) || len(c.IPAddresses) > 0 {
		return fmt.Errorf("it is for %q and %v", c.DNSNames, c.IPAddresses)
	}
	return nil
}

// issuedBy compares the beginning of the issuer's name, which is cut to 64 bytes.
func issuedBy(c *x509.Certificate, issuer string) error {
	if !strings.HasPrefix(c.Issuer.CommonName, issuer[:min(len(issuer), 64)]) {
		return fmt.Errorf("it is not of %s", issuer)
	}
	return nil
}
