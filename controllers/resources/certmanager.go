package resources

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// Kinds of cert-manager. It is no dependency: its types are not needed for the
// few fields that are written and read.
var (
	CertificateKind        = schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"}
	CertificateRequestKind = schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "CertificateRequest"}
	OrderKind              = schema.GroupVersionKind{Group: "acme.cert-manager.io", Version: "v1", Kind: "Order"}
	ChallengeKind          = schema.GroupVersionKind{Group: "acme.cert-manager.io", Version: "v1", Kind: "Challenge"}
)

// Certificate asks cert-manager for a certificate with the names. It is issued
// into a Secret of its own: the one that pods mount has one writer, the
// operator, whoever issues.
func (s Server) Certificate(names []string) *unstructured.Unstructured {
	ref := s.Spec.TLS.IssuerRef
	dns, ips := splitNames(names)
	var dnsNames, addresses []any
	for _, n := range dns {
		dnsNames = append(dnsNames, n)
	}
	for _, ip := range ips {
		addresses = append(addresses, ip.String())
	}
	spec := map[string]any{
		"secretName": IssuedName(s.Name),
		"secretTemplate": map[string]any{"labels": map[string]any{
			v1alpha1.LabelServer:  s.Name,
			v1alpha1.LabelManaged: v1alpha1.LabelTrue,
		}},
		"issuerRef": map[string]any{"name": ref.Name, "kind": ref.Kind, "group": ref.Group},
		"privateKey": map[string]any{
			"algorithm": "ECDSA", "size": int64(256), "rotationPolicy": "Always",
		},
		"usages": []any{"digital signature", "server auth"},
	}
	if len(dnsNames) > 0 {
		spec["dnsNames"] = dnsNames
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

// IssuedOwner makes the Secret into which cert-manager issued end with its
// Certificate, and changes nothing else of it. cert-manager writes no owner unless
// it is told to.
func IssuedOwner(issued *corev1.Secret, cert *unstructured.Unstructured) *corev1ac.SecretApplyConfiguration {
	return corev1ac.Secret(issued.Name, issued.Namespace).
		WithUID(issued.UID).
		WithOwnerReferences(metav1ac.OwnerReference().
			WithAPIVersion(cert.GetAPIVersion()).WithKind(cert.GetKind()).WithName(cert.GetName()).WithUID(cert.GetUID()))
}

// Condition is what cert-manager says in the status of one of its objects.
type Condition struct {
	True    bool
	Message string
	Current bool // it is about the spec as it is now
}

// ConditionOf reads a condition of an object of cert-manager's.
func ConditionOf(u *unstructured.Unstructured, kind string) Condition {
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, c := range conditions {
		m, ok := c.(map[string]any)
		if !ok || m["type"] != kind {
			continue
		}
		message, _ := m["message"].(string)
		observed, known := m["observedGeneration"].(int64)
		return Condition{
			True:    m["status"] == "True",
			Message: message,
			Current: !known || observed == u.GetGeneration(),
		}
	}
	return Condition{}
}
