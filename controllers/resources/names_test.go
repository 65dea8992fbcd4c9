package resources_test

import (
	"fmt"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// A FileServer "partners" and another "partners-1" once fought over a Deployment.
func TestNoNameOfOneServerIsThatOfAnother(t *testing.T) {
	owner := map[string]string{} // by kind and name
	claim := func(kind, name, of string) {
		key := kind + " " + name
		if other, taken := owner[key]; taken {
			t.Errorf("%s is that of %s and that of %s", key, other, of)
		}
		owner[key] = of
	}
	suffixes := []string{"", "-0", "-1", "-2", "-shared", "-users", "-ca", "-tls", "-ssh-host-keys", "-config", "-data", "-credentials"}
	for _, a := range suffixes {
		for _, b := range suffixes {
			name := "partners" + a + b
			if _, seen := owner["Service "+name]; seen {
				continue
			}
			server := "FileServer " + name
			claim("Service", resources.ServiceName(name), server)
			claim("ConfigMap", resources.ConfigName(name), server)
			claim("PersistentVolumeClaim", resources.ClaimName(name), server)
			claim("PodDisruptionBudget", resources.DisruptionName(name), server)
			claim("NetworkPolicy", resources.NetworkPolicyName(name), server)
			claim("Certificate", resources.CertificateName(name), server)
			claim("Deployment", resources.SharedName(name), server)
			for slot := range 3 {
				claim("Deployment", resources.SlotName(name, slot), fmt.Sprintf("slot %d of %s", slot, server))
			}
			for _, secret := range []string{resources.UsersName(name, 0, resources.OneShard), resources.UsersName(name, 3, resources.ManyShards), resources.CAName(name), resources.TLSName(name), resources.HostKeysName(name)} {
				claim("Secret", secret, server)
			}
			claim("Secret", resources.CredentialsName(name), "FileServerUser "+name)
		}
	}
}
