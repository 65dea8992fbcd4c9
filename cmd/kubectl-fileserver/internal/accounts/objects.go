package accounts

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// Objects says accounts as users of a FileServer, each behind the Secret that it
// needs.
func (f Found) Objects(server, namespace string) []runtime.Object {
	var objects []runtime.Object
	taken := map[string]bool{}
	for _, a := range f.Accounts {
		name := objectName(a.Name, taken)
		user := &v1alpha1.FileServerUser{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "FileServerUser"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
			Spec:       a.Spec,
		}
		user.Spec.ServerRef.Name = server
		if name != a.Name {
			user.Spec.Username = a.Name
		}
		if a.Password != "" {
			secret := passwordSecret(name, namespace, a.Password)
			user.Spec.Password = &v1alpha1.Password{SecretRef: &v1alpha1.PasswordReference{Name: secret.Name}}
			objects = append(objects, secret)
		}
		objects = append(objects, user)
	}
	return objects
}

func passwordSecret(user, namespace, password string) *corev1.Secret {
	return &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: user + "-password", Namespace: namespace},
		Type:       corev1.SecretTypeOpaque,
		StringData: map[string]string{"password": password},
	}
}

// maxName leaves room for what the operator adds to the name of a user.
const maxName = 63

// objectName is a name as Kubernetes wants it, which no other account has.
func objectName(user string, taken map[string]bool) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, user)
	name = strings.Trim(name, "-")
	if len(name) > maxName || name == "" || taken[name] {
		// The same account gets the same name again, whatever else is imported.
		sum := sha256.Sum256([]byte(user))
		suffix := hex.EncodeToString(sum[:4])
		name = strings.Trim(name[:min(len(name), maxName-len(suffix)-1)]+"-"+suffix, "-")
	}
	taken[name] = true
	return name
}
