package controllers_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// certManagerKinds are those of cert-manager's that the operator uses.
func certManagerKinds() envtest.CRDInstallOptions {
	anything := true
	o := envtest.CRDInstallOptions{MaxTime: deadline}
	for _, kind := range []schema.GroupVersionKind{resources.CertificateKind, resources.CertificateRequestKind, resources.OrderKind, resources.ChallengeKind} {
		plural := strings.ToLower(kind.Kind) + "s"
		o.CRDs = append(o.CRDs, &apiextensionsv1.CustomResourceDefinition{
			ObjectMeta: metav1.ObjectMeta{
				Name:        plural + "." + kind.Group,
				Annotations: map[string]string{"api-approved.kubernetes.io": "unapproved, a test's"},
			},
			Spec: apiextensionsv1.CustomResourceDefinitionSpec{
				Group: kind.Group,
				Scope: apiextensionsv1.NamespaceScoped,
				Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: plural, Singular: strings.ToLower(kind.Kind), Kind: kind.Kind, ListKind: kind.Kind + "List"},
				Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
					Name: "v1", Served: true, Storage: true,
					Schema:       &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &anything}},
					Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
				}},
			},
		})
	}
	return o
}

// haveCertManager makes sure that the API server knows cert-manager's kinds.
func haveCertManager(t *testing.T) {
	t.Helper()
	if _, err := installCertManager(); err != nil {
		t.Fatal(err)
	}
}

var installCertManager = sync.OnceValues(func() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	return envtest.InstallCRDs(restConfig, certManagerKinds())
})

// certManager plays the part of cert-manager for the server "files" of a
// namespace.
type certManager struct {
	t  *testing.T
	ns string
	ca resources.KeyPair
}

func newCertManager(t *testing.T, ns string) certManager {
	t.Helper()
	haveCertManager(t)
	ca, err := resources.IssueCA(ns, "issuer", now())
	if err != nil {
		t.Fatal(err)
	}
	return certManager{t, ns, ca}
}

// certificate waits for what the operator asks for.
func (m certManager) certificate() *unstructured.Unstructured {
	m.t.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(resources.CertificateKind)
	return get(m.t, m.ns, "files", u)
}

// issue writes a certificate into the Secret that the Certificate names, and
// says that it is done. It returns the fingerprint.
func (m certManager) issue() string {
	m.t.Helper()
	cert := m.certificate()
	names, _, _ := unstructured.NestedStringSlice(cert.Object, "spec", "dnsNames")
	name, _, _ := unstructured.NestedString(cert.Object, "spec", "secretName")
	labels, _, _ := unstructured.NestedStringMap(cert.Object, "spec", "secretTemplate", "labels")
	pair, err := resources.IssueCertificate(m.ca, names, now())
	if err != nil {
		m.t.Fatal(err)
	}
	data := map[string][]byte{"tls.crt": pair.Certificate, "tls.key": pair.Key}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: m.ns, Name: name, Labels: labels}, Type: corev1.SecretTypeTLS, Data: data}
	if err := api.Create(m.t.Context(), secret); apierrors.IsAlreadyExists(err) {
		update(m.t, secret, func() { secret.Data = data })
	} else if err != nil {
		m.t.Fatal(err)
	}
	m.says("True", "Certificate is up to date and has not expired")
	return fingerprint(pair.Certificate)
}

// says sets the condition Ready of the Certificate, about its spec as it is.
func (m certManager) says(status, message string) {
	m.t.Helper()
	eventually(m.t, func() error {
		cert := m.certificate()
		cert.Object["status"] = map[string]any{"conditions": []any{map[string]any{
			"type": "Ready", "status": status, "reason": "Test", "message": message,
			"observedGeneration": cert.GetGeneration(), "lastTransitionTime": "2030-01-01T00:00:00Z",
		}}}
		return api.Status().Update(m.t.Context(), cert)
	})
}

// made makes an object of cert-manager's that belongs to another, and sets its
// status.
func (m certManager) made(kind schema.GroupVersionKind, owner client.Object, spec, status map[string]any) *unstructured.Unstructured {
	m.t.Helper()
	yes := true
	u := &unstructured.Unstructured{Object: map[string]any{"spec": maps.Clone(spec)}}
	u.SetGroupVersionKind(kind)
	u.SetNamespace(m.ns)
	u.SetName("files-1")
	of := owner.GetObjectKind().GroupVersionKind()
	u.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: of.GroupVersion().String(), Kind: of.Kind, Name: owner.GetName(), UID: owner.GetUID(), Controller: &yes}})
	create(m.t, u)
	u.Object["status"] = status
	if err := api.Status().Update(m.t.Context(), u); err != nil {
		m.t.Fatal(err)
	}
	return u
}

// serves waits until pods mount that certificate.
func (m certManager) serves(want string) {
	m.t.Helper()
	eventually(m.t, func() error {
		secret := &corev1.Secret{}
		if err := api.Get(m.t.Context(), client.ObjectKey{Namespace: m.ns, Name: "files-tls"}, secret); err != nil {
			return err
		}
		if got := fingerprint(secret.Data["tls.crt"]); got != want {
			return fmt.Errorf("pods mount %s, want %s", got, want)
		}
		return nil
	})
}

// gone waits until cert-manager is asked for nothing any more.
func (m certManager) gone() {
	m.t.Helper()
	cert := &unstructured.Unstructured{}
	cert.SetGroupVersionKind(resources.CertificateKind)
	eventually(m.t, func() error {
		err := api.Get(m.t.Context(), client.ObjectKey{Namespace: m.ns, Name: "files"}, cert)
		if err == nil {
			err = fmt.Errorf("the Certificate is still there")
		}
		return client.IgnoreNotFound(err)
	})
}

func withIssuer(ns, issuer string, dnsNames ...string) *v1alpha1.FileServer {
	fs := fileServer(ns, "files")
	fs.Spec.TLS = v1alpha1.TLS{
		IssuerRef: &v1alpha1.IssuerReference{Name: issuer, Kind: "Issuer", Group: "cert-manager.io"},
		DNSNames:  dnsNames,
	}
	return fs
}

// This test is not parallel: it changes what the API server knows for all.
func TestCertManagerComesAndGoesWhileTheOperatorRuns(t *testing.T) {
	removeCertManager(t)
	fs := withIssuer(namespace(t), "ours", "ftp.example.com")
	create(t, fs)
	for range 2 {
		notReady(t, fs, v1alpha1.ReasonCertManagerMissing, "tls.issuerRef wants cert-manager, which is not installed")
		if _, err := envtest.InstallCRDs(restConfig, certManagerKinds()); err != nil {
			t.Fatal(err)
		}
		notReady(t, fs, v1alpha1.ReasonCertificatePending, "kubectl describe certificate files")
		removeCertManager(t)
	}
	notReady(t, fs, v1alpha1.ReasonCertManagerMissing)
}

// removeCertManager removes cert-manager's kinds, and waits until they are gone: a definition
// that the API server is about to remove can be written still, which keeps nothing.
func removeCertManager(t *testing.T) {
	t.Helper()
	kinds := certManagerKinds()
	if err := envtest.UninstallCRDs(restConfig, kinds); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		for _, kind := range kinds.CRDs {
			definition := &unstructured.Unstructured{}
			definition.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
			err := api.Get(context.Background(), client.ObjectKey{Name: kind.Name}, definition)
			if !apierrors.IsNotFound(err) {
				return fmt.Errorf("looking for the definition of %s, which is to be gone: %w", kind.Name, cmp.Or(err, errors.New("it is there")))
			}
		}
		_, err := api.RESTMapper().RESTMapping(resources.CertificateKind.GroupKind(), "v1")
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(resources.CertificateKind)
		if err == nil {
			err = api.List(context.Background(), list)
		}
		switch {
		case err == nil:
			return errors.New("cert-manager's kinds are still there")
		case meta.IsNoMatchError(err) || apierrors.IsNotFound(err):
			return nil
		}
		return fmt.Errorf("looking for cert-manager's kinds: %w", err)
	})
}

func TestAnIssuerIsAskedForPublicNamesAloneAndOnce(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	m := newCertManager(t, c.ns)
	fs := withIssuer(c.ns, "letsencrypt", "ftp.example.com")
	create(t, fs)
	m.issue()
	c.start("files-0", "")
	c.address("files", "198.51.100.61")
	ready(t, fs, v1alpha1.ReasonReady)
	cert := m.certificate()
	names, _, _ := unstructured.NestedStringSlice(cert.Object, "spec", "dnsNames")
	addresses, _, _ := unstructured.NestedStringSlice(cert.Object, "spec", "ipAddresses")
	if !slices.Equal(names, []string{"ftp.example.com"}) || len(addresses) > 0 {
		t.Errorf("asked for %q and %q, want ftp.example.com alone", names, addresses)
	}
	if g := cert.GetGeneration(); g != 1 {
		t.Errorf("what is asked for was changed %d times since the first", g-1)
	}
}

func TestWithoutAPublicNameTheStatusSaysWhatToSet(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	m := newCertManager(t, c.ns)
	fs := withIssuer(c.ns, "letsencrypt")
	create(t, fs)
	notReady(t, fs, v1alpha1.ReasonHostNameMissing, "set tls.dnsNames")
	reconciling(t, fs, v1alpha1.ReasonHostNameMissing, "no address yet")
	c.address("files", "198.51.100.62")
	isStalled(t, fs, v1alpha1.ReasonHostNameMissing, "set tls.dnsNames")
	update(t, fs, func() { fs.Spec.TLS.DNSNames = []string{"ftp.example.com"} })
	m.serves(m.issue())
	c.start("files-0", "")
	ready(t, fs, v1alpha1.ReasonReady)
}

func TestWhatCertManagerWaitsForIsInTheStatus(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	m := newCertManager(t, c.ns)
	fs := withIssuer(c.ns, "letsencrypt", "ftp.example.com")
	create(t, fs)
	cert := m.certificate()
	m.says("False", "Issuing certificate as Secret does not exist")
	notReady(t, fs, v1alpha1.ReasonCertificatePending, "Issuing certificate as Secret does not exist")
	request := m.made(resources.CertificateRequestKind, cert, nil, map[string]any{"conditions": []any{
		map[string]any{"type": "Ready", "status": "False", "message": "Waiting on certificate issuance from order files-1"},
	}})
	notReady(t, fs, v1alpha1.ReasonCertificatePending, "Waiting on certificate issuance from order files-1")
	order := m.made(resources.OrderKind, request, nil, map[string]any{"state": "pending"})
	m.made(resources.ChallengeKind, order, map[string]any{"dnsName": "ftp.example.com"}, map[string]any{
		"reason": "Waiting for DNS-01 challenge propagation: " + strings.Repeat("no such host, ", 1000),
	})
	notReady(t, fs, v1alpha1.ReasonCertificatePending, "ftp.example.com: Waiting for DNS-01 challenge propagation: no such host")
	c.settle()
	if got := len(meta.FindStatusCondition(fs.Status.Conditions, v1alpha1.ConditionReady).Message); got > 1200 {
		t.Errorf("the message has %d bytes", got)
	}
}

func TestTheOldCertificateServesUntilTheNewOneIsThere(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	m := newCertManager(t, c.ns)
	fs := fileServer(c.ns, "files")
	create(t, fs)
	c.start("files-0", "")
	c.address("files", "198.51.100.63")
	ready(t, fs, v1alpha1.ReasonReady)
	own := get(t, c.ns, "files-tls", &corev1.Secret{})

	// From the server's own authority to an issuer.
	update(t, fs, func() {
		fs.Spec.TLS = v1alpha1.TLS{IssuerRef: &v1alpha1.IssuerReference{Name: "one"}, DNSNames: []string{"ftp.example.com"}}
	})
	reconciling(t, fs, v1alpha1.ReasonCertificatePending)
	ready(t, fs, v1alpha1.ReasonReady)
	m.serves(fingerprint(own.Data["tls.crt"]))
	first := m.issue()
	m.serves(first)
	ready(t, fs, v1alpha1.ReasonReady)
	if ca := get(t, c.ns, "files-tls", &corev1.Secret{}).Data["ca.crt"]; ca != nil {
		t.Errorf("the authority of before is still told: %s", ca)
	}
	eventually(t, func() error {
		issued := get(t, c.ns, "files-issued", &corev1.Secret{})
		if len(issued.OwnerReferences) != 1 || issued.OwnerReferences[0].UID != m.certificate().GetUID() {
			return fmt.Errorf("the Secret with what was issued belongs to %v, want the Certificate", issued.OwnerReferences)
		}
		return nil
	})

	// To another issuer, and to no issuer.
	update(t, fs, func() { fs.Spec.TLS.IssuerRef.Name = "two" })
	reconciling(t, fs, v1alpha1.ReasonCertificatePending)
	m.serves(first)
	m.serves(m.issue())
	update(t, fs, func() { fs.Spec.TLS = v1alpha1.TLS{} })
	m.gone()
	ready(t, fs, v1alpha1.ReasonReady)
	if got := get(t, c.ns, "files-tls", &corev1.Secret{}); fingerprint(got.Data["ca.crt"]) != fingerprint(own.Data["ca.crt"]) {
		t.Error("the certificate is not of the same authority as before")
	}
}

func TestARenewedCertificateIsServed(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	m := newCertManager(t, c.ns)
	create(t, withIssuer(c.ns, "letsencrypt", "ftp.example.com"))
	m.serves(m.issue())
	m.serves(m.issue())
}

func TestACertificateGoesWhenItsIssuerWentWhileNoOperatorRan(t *testing.T) {
	t.Parallel()
	c := cluster{t, bareNamespace(t)}
	m := newCertManager(t, c.ns)
	_, stop := operatorFor(t, c.ns)
	fs := withIssuer(c.ns, "letsencrypt", "ftp.example.com")
	create(t, fs)
	issued := m.issue()
	m.serves(issued)
	stop()
	update(t, fs, func() { fs.Spec.TLS = v1alpha1.TLS{} })
	_, stop = operatorFor(t, c.ns)
	t.Cleanup(stop)
	m.gone()
	eventually(t, func() error {
		if got := get(t, c.ns, "files-tls", &corev1.Secret{}); fingerprint(got.Data["tls.crt"]) == issued {
			return fmt.Errorf("pods still mount what was issued")
		}
		return nil
	})
}

func TestASecretOfSomebodyElsesIsNotGivenToCertManager(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	haveCertManager(t)
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: "files-issued"}, Data: map[string][]byte{"mine": []byte("1")}})
	fs := withIssuer(c.ns, "letsencrypt", "ftp.example.com")
	create(t, fs)
	isStalled(t, fs, v1alpha1.ReasonNameTaken, "files-issued")
}

func TestANameBeyondASCIIIsInTheCertificate(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	fs := fileServer(c.ns, "files")
	fs.Spec.TLS.DNSNames = []string{"bücher.example"}
	create(t, fs)
	c.start("files-0", "")
	c.address("files", "198.51.100.64")
	ready(t, fs, v1alpha1.ReasonReady)
	leaf, err := resources.KeyPairFrom(get(t, c.ns, "files-tls", &corev1.Secret{}).Data).Leaf()
	if err != nil {
		t.Fatal(err)
	}
	if err := leaf.VerifyHostname("xn--bcher-kva.example"); err != nil {
		t.Error(err)
	}
}

func TestANameThatIDNARefusesIsACondition(t *testing.T) {
	t.Parallel()
	fs := fileServer(namespace(t), "files")
	fs.Spec.TLS.DNSNames = []string{"a٠b۱.example"}
	create(t, fs)
	isStalled(t, fs, v1alpha1.ReasonInvalidConfiguration, "is no host name")
}

func TestWhatIsNoNameIsRefusedAtApply(t *testing.T) {
	t.Parallel()
	ns := bareNamespace(t)
	for _, name := range []string{"ftp.example.com:21", "ftps://ftp.example.com", "a b", "a..b", "*", "*.*.example.com", "-a.example", strings.Repeat("a", 64) + ".example"} {
		fs := fileServer(ns, "files")
		fs.Spec.TLS.DNSNames = []string{name}
		if err := api.Create(t.Context(), fs); err == nil || !strings.Contains(err.Error(), "tls.dnsNames has something that is no name") {
			t.Errorf("%q: %v", name, err)
		}
	}
	fs := fileServer(ns, "files")
	fs.Spec.TLS.DNSNames = []string{"ftp.example.com", "*.example.com", "bücher.example", "localhost", "198.51.100.1", "2001:db8::1", strings.Repeat("a", 63) + ".example"}
	create(t, fs)
}
