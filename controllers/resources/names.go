package resources

import "strconv"

// Names of the objects of a FileServer, given its name, and of a user, given
// the user's. No other place makes up a name. Names of different objects of one
// kind never meet, whatever FileServers and users are called: of each kind at
// most one name is a bare one, and no suffix is the end of another with a dash
// and a number.

// ServiceName is the Service's.
func ServiceName(server string) string { return server }

// ConfigName is that of the ConfigMap with the configuration.
func ConfigName(server string) string { return server + "-config" }

// UsersName is that of the Secret with one of so many shards of the users, the first
// of which is number 0. Secrets of different numbers of shards have different names.
func UsersName(server string, shard, of int) string {
	if of == OneShard {
		return server + "-users"
	}
	return server + "-users-" + strconv.Itoa(shard)
}

// CAName is that of the Secret with the certificate authority.
func CAName(server string) string { return server + "-ca" }

// TLSName is that of the Secret with the certificate.
func TLSName(server string) string { return server + "-tls" }

// IssuedName is that of the Secret into which cert-manager issues.
func IssuedName(server string) string { return server + "-issued" }

// HostKeysName is that of the Secret with the SSH host keys.
func HostKeysName(server string) string { return server + "-ssh-host-keys" }

// ClaimName is that of the PersistentVolumeClaim.
func ClaimName(server string) string { return server + "-data" }

// SlotName is that of the Deployment of a slot.
func SlotName(server string, slot int) string { return server + "-" + strconv.Itoa(slot) }

// SharedName is that of the Deployment without slots. It is not the bare name,
// which for a FileServer "partners-1" is that of a slot of "partners".
func SharedName(server string) string { return server + "-shared" }

// DisruptionName is that of the PodDisruptionBudget.
func DisruptionName(server string) string { return server }

// NetworkPolicyName is that of the NetworkPolicy.
func NetworkPolicyName(server string) string { return server }

// CertificateName is that of cert-manager's Certificate.
func CertificateName(server string) string { return server }

// CredentialsName is that of the Secret that an application binds to.
func CredentialsName(user string) string { return user + "-credentials" }
