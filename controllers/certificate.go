package controllers

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// tlsState is what is known of the certificate.
type tlsState struct {
	leaf *x509.Certificate
	ca   []byte // PEM of who signed it, if it is known
	// renew is when it or its authority is made anew, if that is the operator's to do.
	renew time.Time
}

func (t tlsState) fingerprint() string {
	if t.leaf == nil {
		return ""
	}
	return resources.Fingerprint(t.leaf)
}

func (t tlsState) status(secret string) *v1alpha1.TLSStatus {
	if t.leaf == nil {
		return nil
	}
	return &v1alpha1.TLSStatus{
		SecretName:  secret,
		Fingerprint: t.fingerprint(),
		NotAfter:    &metav1.Time{Time: t.leaf.NotAfter.UTC()},
	}
}

// reconcileCertificate sees to the certificate. Where it fails, the certificate
// that is there stays in use. What cert-manager was asked for goes once it is not
// wanted any more, also if that changed while no operator ran.
func (p *pass) reconcileCertificate(ctx context.Context) (there tlsState, err error) {
	tls := p.server.Spec.TLS
	switch {
	case p.server.TLSSecret() == "":
	case tls.SecretRef != nil:
		there, err = p.readCertificate(ctx)
	case tls.IssuerRef != nil:
		return p.requestCertificate(ctx)
	default:
		there, err = p.issueCertificate(ctx)
	}
	return there, errors.Join(err, p.withdrawRequest(ctx))
}

// readCertificate reads the certificate from a Secret of the user's.
func (p *pass) readCertificate(ctx context.Context) (tlsState, error) {
	name := p.server.TLSSecret()
	version, _ := p.version(ctx, secretKind, name) // without it, the API server is asked
	found, known := p.mem().certificate.of(version)
	if !known {
		secret, err := p.readSecret(ctx, name)
		if err != nil {
			return tlsState{}, err
		}
		if secret == nil {
			return tlsState{}, conditions.Waiting(v1alpha1.ReasonSecretNotFound,
				"The Secret %q in tls.secretRef does not exist: create it with type kubernetes.io/tls, or remove tls.secretRef to get a certificate.", name)
		}
		leaf, err := resources.KeyPairFrom(secret.Data).Leaf()
		if err != nil {
			return tlsState{}, conditions.Stalled(v1alpha1.ReasonSecretInvalid, "The Secret %q with the certificate cannot be used: %v; put a certificate and its key there.", name, err)
		}
		found = tlsState{leaf: leaf, ca: secret.Data[config.TLSCAFile]}
		p.mem().certificate = versioned[tlsState]{version, found}
	}
	left := found.leaf.NotAfter.Sub(p.Clock.Now())
	if left <= 0 {
		return found, conditions.Stalled(v1alpha1.ReasonSecretInvalid, "The certificate in the Secret %q ended on %s: replace it.", name, found.leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	p.again(left)
	return found, nil
}

// issueCertificate has the server's own authority issue the certificate.
func (p *pass) issueCertificate(ctx context.Context) (tlsState, error) {
	now := p.Clock.Now()
	caSecret, err := p.ownSecret(ctx, resources.CAName(p.server.Name))
	if err != nil {
		return tlsState{}, fmt.Errorf("reading the certificate authority: %w", err)
	}
	secret, err := p.ownSecret(ctx, resources.TLSName(p.server.Name))
	if err != nil {
		return tlsState{}, fmt.Errorf("reading the certificate: %w", err)
	}
	names, refused := p.server.CertificateNames()
	version := strings.Join(append([]string{identity(caSecret), identity(secret)}, names...), " ")
	if known, ok := p.mem().certificate.of(version); ok && refused == nil && now.Before(known.renew) {
		return known, p.keepCertificate(ctx, known, caSecret, secret)
	}
	var there tlsState
	if leaf, err := resources.KeyPairFrom(secret.Data).Leaf(); err == nil {
		there = tlsState{leaf: leaf, ca: secret.Data[config.TLSCAFile]}
	}
	ca := resources.KeyPairFrom(caSecret.Data)
	if resources.CANeedsIssue(ca, now) {
		if ca, err = resources.IssueCA(p.server.Namespace, p.server.Name, now); err != nil {
			return there, err
		}
	}
	if _, err := p.putSecret(ctx, p.server.FileServer, caSecret, p.server.CASecret(ca)); err != nil {
		return there, err
	}
	if refused != nil {
		return there, nameRefused(refused)
	}
	cert := resources.KeyPairFrom(secret.Data)
	if resources.CertificateNeedsIssue(cert, ca, names, now) {
		if cert, err = resources.IssueCertificate(ca, names, now); err != nil {
			return there, err
		}
	}
	if _, err := p.putSecret(ctx, p.server.FileServer, secret, p.server.CertificateSecret(cert, ca.Certificate)); err != nil {
		return there, err
	}
	leaf, err := cert.Leaf()
	if err != nil {
		return there, fmt.Errorf("reading the certificate that was issued: %w", err)
	}
	authority, err := ca.Leaf()
	if err != nil {
		return there, fmt.Errorf("reading the certificate authority: %w", err)
	}
	issued := tlsState{leaf: leaf, ca: ca.Certificate, renew: resources.RenewAt(leaf)}
	if r := resources.RenewAt(authority); r.Before(issued.renew) {
		issued.renew = r
	}
	p.again(issued.renew.Sub(now))
	if there.leaf != nil && there.leaf.Equal(leaf) && bytes.Equal(ca.Certificate, caSecret.Data[config.TLSCertFile]) {
		p.mem().certificate = versioned[tlsState]{version, issued} // neither is new
	}
	return issued, nil
}

// keepCertificate has the Secrets with the certificate and its authority stay as they
// are.
func (p *pass) keepCertificate(ctx context.Context, known tlsState, caSecret, secret *corev1.Secret) error {
	p.again(known.renew.Sub(p.Clock.Now()))
	ca, cert := resources.KeyPairFrom(caSecret.Data), resources.KeyPairFrom(secret.Data)
	_, err1 := p.putSecret(ctx, p.server.FileServer, caSecret, p.server.CASecret(ca))
	_, err2 := p.putSecret(ctx, p.server.FileServer, secret, p.server.CertificateSecret(cert, ca.Certificate))
	return errors.Join(err1, err2)
}
