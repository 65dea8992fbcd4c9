package controllers_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// installCertManager makes the one kind of cert-manager's that the operator
// uses.
func installCertManager(t *testing.T) {
	t.Helper()
	anything := true
	_, err := envtest.InstallCRDs(restConfig, envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{{
		ObjectMeta: metav1.ObjectMeta{Name: "certificates.cert-manager.io"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "cert-manager.io",
			Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "certificates", Singular: "certificate", Kind: "Certificate", ListKind: "CertificateList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: &anything,
				}},
			}},
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCertManagerIssuesTheCertificate(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	fs := fileServer(c.ns, "files")
	fs.Spec.TLS.IssuerRef = &v1alpha1.IssuerReference{Name: "ours", Kind: "Issuer", Group: "cert-manager.io"}
	create(t, fs)
	notReady(t, fs, v1alpha1.ReasonCertManagerMissing, "tls.issuerRef wants cert-manager, which is not installed")

	installCertManager(t)
	update(t, fs, func() { fs.Spec.TLS.DNSNames = []string{"ftp.example.com"} })
	notReady(t, fs, v1alpha1.ReasonCertificatePending, "see `kubectl describe certificate files` and the issuer \"ours\"")
	cert := &unstructured.Unstructured{}
	cert.SetGroupVersionKind(resources.CertificateKind)
	get(t, c.ns, "files", cert)
	if name, _, _ := unstructured.NestedString(cert.Object, "spec", "secretName"); name != "files-tls" {
		t.Errorf("the certificate goes to %q", name)
	}

	// cert-manager's part.
	ca, err := resources.IssueCA(c.ns, "files", now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := resources.IssueCertificate(ca, []string{"ftp.example.com"}, now())
	if err != nil {
		t.Fatal(err)
	}
	create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: "files-tls", Labels: map[string]string{v1alpha1.LabelServer: "files", v1alpha1.LabelManaged: v1alpha1.LabelTrue}},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{"tls.crt": pair.Certificate, "tls.key": pair.Key, "ca.crt": ca.Certificate},
	})
	c.start("files-0", "")
	c.address("files", "198.51.100.60")
	ready(t, fs, v1alpha1.ReasonReady)

	// Back to the server's own authority, for which the Certificate must go.
	update(t, fs, func() { fs.Spec.TLS = v1alpha1.TLS{} })
	eventually(t, func() error {
		if err := api.Get(t.Context(), keyOf(cert), cert); err == nil {
			return fmt.Errorf("the Certificate is still there")
		}
		if got := get(t, c.ns, "files-tls", &corev1.Secret{}); fingerprint(got.Data["tls.crt"]) == fingerprint(pair.Certificate) {
			return fmt.Errorf("the certificate is still cert-manager's")
		}
		return nil
	})
}
