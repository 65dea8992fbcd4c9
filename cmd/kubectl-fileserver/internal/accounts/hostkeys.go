package accounts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/server/check"
)

// HostKeys makes a Secret of the private keys in a folder, such as /etc/ssh or
// SFTPGo's. Notes say what is left out, and which keys there are.
func HostKeys(dir, name, namespace string) (*corev1.Secret, []Note, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	secret := &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Type:       corev1.SecretTypeOpaque,
		StringData: map[string]string{},
	}
	var notes []Note
	leaveOut := func(file, format string, args ...any) {
		notes = append(notes, Note{0, file, LeftOut, fmt.Sprintf(format, args...)})
	}
	for _, entry := range entries {
		file := entry.Name()
		if strings.HasSuffix(file, ".pub") || entry.IsDir() {
			continue // public halves are made of the keys
		}
		const most = 64 << 10
		if info, err := entry.Info(); err != nil || info.Size() > most {
			leaveOut(file, "is larger than any key")
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			leaveOut(file, "cannot be read: %v", err)
			continue
		}
		key, err := check.ParseHostKey(text)
		if err != nil {
			leaveOut(file, "%v", err)
			continue
		}
		if strings.Trim(file, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
			leaveOut(file, "has a name that no entry of a Secret can have")
			continue
		}
		secret.StringData[file] = string(text)
		notes = append(notes, Note{0, file, CameAlong, key.PublicKey().Type() + " " + ssh.FingerprintSHA256(key.PublicKey())})
	}
	if len(secret.StringData) == 0 {
		return nil, notes, fmt.Errorf("%s has no private key that can be used", dir)
	}
	return secret, notes, nil
}
