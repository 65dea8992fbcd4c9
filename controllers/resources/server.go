package resources

import (
	"maps"

	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// Server is a FileServer with what its objects depend on besides its spec.
type Server struct {
	*v1alpha1.FileServer

	// DefaultImage is the server's image where the spec names none.
	DefaultImage string
	// PullSecrets are those of all servers, besides those that the spec names.
	PullSecrets []string
	// ClusterDomain ends the names of Services: cluster.local.
	ClusterDomain string
	// MetricsNamespaces are those whose pods may read what the pods tell of
	// themselves: the operator's own, and those of who collects metrics.
	MetricsNamespaces []string
	// NoNodePorts is true if the balancers of the cluster need no node ports.
	NoNodePorts bool
	// OneNode is true when the volume keeps all pods on one node.
	OneNode bool
	// ReadOnly is true when the volume can only be read.
	ReadOnly bool
	// UserShards is in how many shards the pods have the users: OneShard, which is
	// the default, or ManyShards.
	UserShards int
	// HostKeyFiles are the entries of the Secret with the SSH host keys.
	HostKeyFiles []string
	// ClientCAs are the authorities of client certificates, in PEM format.
	ClientCAs []string
	// Exposure is where clients reach the server, as far as it is known.
	Exposure Exposure
}

// Labels of all that the operator makes for a server.
func (s Server) Labels() map[string]string { return Labels(s.Name) }

// Labels of all that the operator makes for the server of that name.
func Labels(server string) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":       "fileserver",
		"app.kubernetes.io/instance":   server,
		"app.kubernetes.io/managed-by": "fileserver-operator",
		v1alpha1.LabelServer:           server,
		v1alpha1.LabelManaged:          v1alpha1.LabelTrue,
	}
}

// Selector finds the pods of the server.
func (s Server) Selector() map[string]string { return Selector(s.Name) }

// Selector finds the pods of the server of that name.
func Selector(server string) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name": "fileserver",
		v1alpha1.LabelServer:     server,
	}
}

// Owner makes an object end with the server.
func (s Server) Owner() *metav1ac.OwnerReferenceApplyConfiguration {
	return owner("FileServer", s.Name, s.UID)
}

// Image that the pods run.
func (s Server) Image() string {
	if s.Spec.Image != "" {
		return s.Spec.Image
	}
	return s.DefaultImage
}

// TLSSecret is the Secret with the certificate; "" where none is needed.
func (s Server) TLSSecret() string {
	switch {
	case !s.Spec.ServedProtocols().HasTLS():
		return ""
	case s.Spec.TLS.SecretRef != nil:
		return s.Spec.TLS.SecretRef.Name
	}
	return TLSName(s.Name)
}

// HostKeysSecret is the Secret with the SSH host keys; "" where none is needed.
func (s Server) HostKeysSecret() string {
	switch {
	case s.Spec.ServedProtocols().SFTP == nil:
		return ""
	case s.Spec.SSHHostKeys.SecretRef != nil:
		return s.Spec.SSHHostKeys.SecretRef.Name
	}
	return HostKeysName(s.Name)
}

// with returns a map with the entries of both; those of over win.
func with(base, over map[string]string) map[string]string {
	m := make(map[string]string, len(base)+len(over))
	maps.Copy(m, base)
	maps.Copy(m, over)
	return m
}
