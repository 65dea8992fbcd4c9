package resources

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// CredentialsType is the type of the Secret that an application binds to.
const CredentialsType corev1.SecretType = "servicebinding.io/fileserver"

// Entries of the Secret, as the Service Binding specification names them.
const (
	KeyType       = "type"
	KeyProvider   = "provider"
	KeyHost       = "host"
	KeyPort       = "port"
	KeyUsername   = "username"
	KeyPassword   = "password"
	KeyURI        = "uri"
	KeyCA         = "ca.crt"
	KeyKnownHosts = "known_hosts"
)

const provider = "fileserver-operator"

// Login is what a client needs besides the user.
type Login struct {
	Password  string                  // empty if it is not known, or there is none
	Endpoints []v1alpha1.Endpoint     // of the server
	CA        []byte                  // of the certificate, in PEM
	HostKeys  []string                // public keys, "type base64"
	Served    []v1alpha1.ProtocolName // by the server
}

// protocols from the one that an application should prefer.
var preferred = []v1alpha1.ProtocolName{v1alpha1.ProtocolSFTP, v1alpha1.ProtocolFTPS, v1alpha1.ProtocolFTP}

// Credentials is the Secret that an application binds to.
func Credentials(u *v1alpha1.FileServerUser, l Login) *corev1ac.SecretApplyConfiguration {
	data := map[string][]byte{
		KeyType:     []byte(preferredProtocol(u, l.Served)),
		KeyProvider: []byte(provider),
		KeyUsername: []byte(u.LoginName()),
	}
	if l.Password != "" {
		data[KeyPassword] = []byte(l.Password)
	}
	if len(l.CA) > 0 {
		data[KeyCA] = l.CA
	}
	if e := endpoint(l.Endpoints, string(data[KeyType])); e != nil {
		data[KeyHost] = []byte(e.Address)
		data[KeyPort] = []byte(strconv.Itoa(int(e.Port)))
		data[KeyURI] = []byte(uri(*e, u.LoginName(), l.Password))
	}
	if known := knownHosts(l.Endpoints, l.HostKeys); known != "" {
		data[KeyKnownHosts] = []byte(known)
	}
	return corev1ac.Secret(CredentialsName(u.Name), u.Namespace).
		WithLabels(with(Labels(u.Spec.ServerRef.Name), map[string]string{v1alpha1.LabelUser: u.Name})).
		WithOwnerReferences(owner("FileServerUser", u.Name, u.UID)).
		WithType(CredentialsType).
		WithData(data)
}

func preferredProtocol(u *v1alpha1.FileServerUser, served []v1alpha1.ProtocolName) v1alpha1.ProtocolName {
	for _, p := range preferred {
		if slices.Contains(served, p) && (len(u.Spec.Protocols) == 0 || slices.Contains(u.Spec.Protocols, p)) {
			return p
		}
	}
	return v1alpha1.ProtocolSFTP
}

func endpoint(endpoints []v1alpha1.Endpoint, name string) *v1alpha1.Endpoint {
	for i := range endpoints {
		if endpoints[i].Name == name {
			return &endpoints[i]
		}
	}
	return nil
}

func uri(e v1alpha1.Endpoint, username, password string) string {
	u := url.URL{Scheme: e.Name, Host: net.JoinHostPort(e.Address, strconv.Itoa(int(e.Port))), User: url.User(username)}
	if password != "" {
		u.User = url.UserPassword(username, password)
	}
	return u.String()
}

// knownHosts has a line for each address and key, as OpenSSH's clients read it.
func knownHosts(endpoints []v1alpha1.Endpoint, keys []string) string {
	var b strings.Builder
	for _, e := range endpoints {
		if e.Name != string(v1alpha1.ProtocolSFTP) {
			continue
		}
		host := e.Address
		if e.Port != v1alpha1.PortSFTP {
			host = "[" + e.Address + "]:" + strconv.Itoa(int(e.Port))
		}
		for _, k := range keys {
			b.WriteString(host + " " + k + "\n")
		}
	}
	return b.String()
}
