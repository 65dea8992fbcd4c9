package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// How soon it is looked again at why there is no certificate yet: orders and
// challenges are not watched.
const pendingEvery = 5 * time.Second

// requestCertificate has cert-manager issue the certificate, and has pods use
// what was issued. Until there is something new, what served before goes on to
// serve.
func (p *pass) requestCertificate(ctx context.Context) (tlsState, error) {
	served, err := p.ownSecret(ctx, resources.TLSName(p.server.Name))
	if err != nil {
		return tlsState{}, fmt.Errorf("reading the certificate: %w", err)
	}
	issued, err := p.sureSecret(ctx, resources.IssuedName(p.server.Name))
	if err != nil {
		return p.inUse(served), fmt.Errorf("reading what cert-manager has issued: %w", err)
	}
	cert, ordered := p.orderCertificate(ctx, issued)
	served, err = p.serveIssued(ctx, cert, issued, served)
	there := p.inUse(served)
	switch {
	case ordered != nil || err != nil:
	case there.leaf == nil:
		err = conditions.Waiting(v1alpha1.ReasonCertificatePending, "cert-manager says that the certificate is there, but the Secret %q has none that can be used.", resources.IssuedName(p.server.Name))
	case !p.Clock.Now().Before(there.leaf.NotAfter):
		err = conditions.Waiting(v1alpha1.ReasonCertificatePending, "The certificate ended on %s, and cert-manager has issued no other.", there.leaf.NotAfter.UTC().Format(time.RFC3339))
	default:
		p.again(there.leaf.NotAfter.Sub(p.Clock.Now()))
	}
	return there, errors.Join(ordered, err)
}

// inUse is the certificate in a Secret that pods mount.
func (p *pass) inUse(served *corev1.Secret) tlsState {
	leaf, err := resources.KeyPairFrom(served.Data).Leaf()
	if err != nil {
		return tlsState{}
	}
	return tlsState{leaf: leaf, ca: served.Data[config.TLSCAFile]}
}

// orderCertificate asks cert-manager for the certificate, and returns what it
// asked with. It returns an error while there is no certificate of that kind.
func (p *pass) orderCertificate(ctx context.Context, issued *corev1.Secret) (*unstructured.Unstructured, error) {
	names, err := p.server.RequestedNames()
	if err != nil {
		return nil, nameRefused(err)
	}
	if len(names) == 0 {
		return nil, p.noHostName()
	}
	missing := conditions.Waiting(v1alpha1.ReasonCertManagerMissing, "tls.issuerRef wants cert-manager, which is not installed: install it, or remove tls.issuerRef to get a certificate of the FileServer's own authority.")
	switch present, err := p.certManager.has(); {
	case err != nil:
		return nil, err
	case !present:
		return nil, missing
	}
	// cert-manager writes into any Secret that a Certificate names.
	if issued.UID != "" && !labelled(issued, p.server.FileServer) {
		return nil, fmt.Errorf("%s %s: %w", secretKind.Kind, issued.Name, conditions.ErrNameTaken)
	}
	want := p.server.Certificate(names)
	err = p.put(ctx, client.ApplyConfigurationFromUnstructured(want))
	if noMatch(err) || apierrors.IsNotFound(err) {
		return nil, missing // it is going at this moment
	}
	if err != nil {
		return nil, err
	}
	cert, err := p.certManager.certificate(ctx, p.certificateKey())
	if err != nil {
		return nil, err
	}
	if cert != nil && holds(cert.Object["spec"], want.Object["spec"]) { // else the cache is behind
		if c := resources.ConditionOf(cert, "Ready"); c.True && c.Current {
			return cert, nil
		}
	}
	p.again(pendingEvery)
	why, err := p.whyPending(ctx, cert)
	if err != nil {
		return cert, err
	}
	return cert, conditions.Waiting(v1alpha1.ReasonCertificatePending, "cert-manager has not issued the certificate yet (`kubectl describe certificate %s`): %s.", resources.CertificateName(p.server.Name), conditions.Cut(why))
}

// noHostName says what to set so that a certificate can be asked for.
func (p *pass) noHostName() *conditions.Problem {
	const says = "tls.issuerRef needs a host name for the certificate, and none is known: set tls.dnsNames to the names by which clients connect, such as [ftp.example.com]."
	if p.server.Spec.Expose.Type == v1alpha1.ExposeLoadBalancer && len(p.server.Exposure.Addresses) == 0 {
		return conditions.Waiting(v1alpha1.ReasonHostNameMissing, says+" The Service has no address yet.")
	}
	return conditions.Stalled(v1alpha1.ReasonHostNameMissing, says)
}

func nameRefused(err error) *conditions.Problem {
	return conditions.Stalled(v1alpha1.ReasonInvalidConfiguration, "A name for the certificate cannot be used: %s.", conditions.Cut(err.Error()))
}

// serveIssued has pods mount what cert-manager issued, if it can be used, and
// returns the Secret that they mount. What was issued ends with the Certificate:
// the operator has no right to delete Secrets, and needs none.
func (p *pass) serveIssued(ctx context.Context, cert *unstructured.Unstructured, issued, served *corev1.Secret) (*corev1.Secret, error) {
	if issued.UID == "" || !labelled(issued, p.server.FileServer) {
		return served, nil
	}
	if cert != nil && !slices.ContainsFunc(issued.OwnerReferences, func(o metav1.OwnerReference) bool { return o.UID == cert.GetUID() }) {
		// The admission plugin OwnerReferencesPermissionEnforcement asks for the right
		// to delete the Secret, which then stays when the Certificate goes.
		err := p.cached.Apply(ctx, resources.IssuedOwner(issued, cert), FieldOwner, client.ForceOwnership)
		if err != nil && !apierrors.IsForbidden(err) {
			return served, fmt.Errorf("giving Secret %s its owner: %w", issued.Name, redact(err, "Secret"))
		}
	}
	pair, ca := resources.KeyPairFrom(issued.Data), issued.Data[config.TLSCAFile]
	leaf, err := pair.Leaf()
	if err != nil || !p.Clock.Now().Before(leaf.NotAfter) {
		return served, nil
	}
	if _, err := p.putSecret(ctx, p.server.FileServer, served, p.server.CertificateSecret(pair, ca)); err != nil {
		return served, err
	}
	return issued, nil
}

// withdrawRequest removes what cert-manager was asked for. The garbage collector
// removes what it has issued.
func (p *pass) withdrawRequest(ctx context.Context) error {
	present, err := p.certManager.has()
	if err != nil || !present {
		return err
	}
	cert, err := p.certManager.certificate(ctx, p.certificateKey())
	if noMatch(err) || err == nil && (cert == nil || belongs(cert, p.server.FileServer) != nil) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := p.Delete(ctx, cert); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("removing Certificate %s: %w", cert.GetName(), err)
	}
	return nil
}

func (p *pass) certificateKey() client.ObjectKey {
	return client.ObjectKey{Namespace: p.server.Namespace, Name: resources.CertificateName(p.server.Name)}
}

// whyPending is what cert-manager says last about a certificate that is not
// there: of what was made for it, the deepest that says something.
func (p *pass) whyPending(ctx context.Context, cert *unstructured.Unstructured) (string, error) {
	says := "it has only been asked for"
	if cert == nil {
		return says, nil
	}
	for _, kind := range []string{"Ready", "Issuing"} {
		if c := resources.ConditionOf(cert, kind); c.Message != "" {
			says = c.Message
		}
	}
	request, err := p.newestOf(ctx, resources.CertificateRequestKind, cert.GetUID())
	if err != nil || request == nil {
		return says, err
	}
	if c := resources.ConditionOf(request, "Ready"); c.Message != "" {
		says = c.Message
	}
	order, err := p.newestOf(ctx, resources.OrderKind, request.GetUID())
	if err != nil || order == nil {
		return says, err
	}
	if reason, _, _ := unstructured.NestedString(order.Object, "status", "reason"); reason != "" {
		says = reason
	}
	challenge, err := p.newestOf(ctx, resources.ChallengeKind, order.GetUID())
	if err != nil || challenge == nil {
		return says, err
	}
	if reason, _, _ := unstructured.NestedString(challenge.Object, "status", "reason"); reason != "" {
		name, _, _ := unstructured.NestedString(challenge.Object, "spec", "dnsName")
		says = name + ": " + reason
	}
	return says, nil
}

// newestOf is the newest object of a kind of cert-manager's that has the owner;
// nil if there is none, or if the operator may not look.
func (p *pass) newestOf(ctx context.Context, kind schema.GroupVersionKind, owner types.UID) (*unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind)
	if err := p.Direct.List(ctx, list, client.InNamespace(p.server.Namespace)); err != nil {
		if noMatch(err) || apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("listing %ss: %w", kind.Kind, err)
	}
	var newest *unstructured.Unstructured
	for i := range list.Items {
		u := &list.Items[i]
		if ref := metav1.GetControllerOf(u); ref == nil || ref.UID != owner {
			continue
		}
		if newest == nil || newest.GetCreationTimestamp().Time.Before(u.GetCreationTimestamp().Time) {
			newest = u
		}
	}
	return newest, nil
}
