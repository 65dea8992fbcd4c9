package resources

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// CertificateKind is that of cert-manager.
var CertificateKind = schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"}

// Certificate asks cert-manager for the server's certificate. cert-manager is
// no dependency: its types are not needed to write these few fields.
func (s Server) Certificate() *unstructured.Unstructured {
	ref := s.Spec.TLS.IssuerRef
	dns, ips := splitNames(s.CertificateNames())
	var dnsNames, addresses []any
	for _, n := range dns {
		dnsNames = append(dnsNames, n)
	}
	for _, ip := range ips {
		addresses = append(addresses, ip.String())
	}
	spec := map[string]any{
		"secretName": TLSName(s.Name),
		"secretTemplate": map[string]any{"labels": map[string]any{
			v1alpha1.LabelServer:  s.Name,
			v1alpha1.LabelManaged: v1alpha1.LabelTrue,
		}},
		"issuerRef": map[string]any{"name": ref.Name, "kind": ref.Kind, "group": ref.Group},
		"dnsNames":  dnsNames,
		"privateKey": map[string]any{
			"algorithm": "ECDSA", "size": int64(256), "rotationPolicy": "Always",
		},
		"usages": []any{"digital signature", "server auth"},
	}
	if len(addresses) > 0 {
		spec["ipAddresses"] = addresses
	}
	u := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	u.SetGroupVersionKind(CertificateKind)
	u.SetNamespace(s.Namespace)
	u.SetName(CertificateName(s.Name))
	u.SetLabels(s.Labels())
	u.Object["metadata"].(map[string]any)["ownerReferences"] = []any{map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "FileServer", "name": s.Name, "uid": string(s.UID),
		"controller": true, "blockOwnerDeletion": true,
	}}
	return u
}
