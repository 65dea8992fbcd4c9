package controllers

import (
	"context"
	"fmt"
	"time"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/server/check"
)

// findClientCAs reads the authorities of client certificates. What is none of them is
// left to the server, which leaves it out, and told of; the others count.
func (p *pass) findClientCAs(ctx context.Context) ([]string, error) {
	wanted := p.server.Spec.TLS.ClientCertificates
	if wanted == nil || !p.server.Spec.ServedProtocols().HasTLS() {
		return nil, nil
	}
	from := wanted.AuthoritiesFrom
	kind, reason := configMapKind, v1alpha1.ReasonConfigMapNotFound
	if from.Kind == v1alpha1.CertificatesInSecret {
		kind, reason = secretKind, v1alpha1.ReasonSecretNotFound
	}
	const field = "tls.clientCertificates.authoritiesFrom"
	content, state, err := p.entry(ctx, kind, from.Name, from.Key)
	if err == nil {
		err = missingEntry(state, reason, kind.Kind, from.Name, from.Key, field)
	}
	if err != nil {
		return nil, err
	}
	entry := fmt.Sprintf("the entry %q of the %s %q in %s", from.Key, kind.Kind, from.Name, field)
	certs, err := check.SplitCertificates(content)
	if err != nil {
		return nil, conditions.Stalled(v1alpha1.ReasonInvalidConfiguration, "No authority of client certificates can be read, since %s %v: put the certificates of the authorities there, in PEM format. Until then what was read last stays in force.", entry, err)
	}
	p.noteClientCAs(entry, certs)
	return certs, nil
}

// noteClientCAs tells which authorities cannot be used.
func (p *pass) noteClientCAs(entry string, certs []string) {
	for i, text := range certs {
		cert, err := check.ParseClientCA(text)
		if err != nil {
			p.note(conditions.Stalled(v1alpha1.ReasonInvalidConfiguration, "Certificate %d in %s is left out: it %s. Correct or remove it.", i+1, entry, conditions.Cut(err.Error())))
			continue
		}
		left := cert.NotAfter.Sub(p.Clock.Now())
		if left <= 0 {
			p.note(conditions.Stalled(v1alpha1.ReasonInvalidConfiguration, "Certificate %d in %s ended on %s, and clients that it vouches for are refused: replace or remove it.", i+1, entry, cert.NotAfter.UTC().Format(time.RFC3339)))
			continue
		}
		p.again(left)
	}
}
