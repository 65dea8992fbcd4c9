package sftp

import (
	"bytes"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"
)

// checkCertificate checks all about a user certificate (PROTOCOL.certkeys of
// OpenSSH) but whether the client has its private key.
func (a *authenticator) checkCertificate(user string, cert *ssh.Certificate) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: the certificate "+format, append([]any{ErrLoginFailed}, args...)...)
	}
	switch {
	case cert.CertType != ssh.UserCert:
		return refuse("is not for a user")
	case !a.trusted(cert.SignatureKey):
		return refuse("is signed by an unknown authority")
	case !slices.Contains(a.algorithms.PublicKeys, cert.Signature.Format):
		return refuse("is signed with %s", cert.Signature.Format)
	case len(cert.ValidPrincipals) == 0:
		// For x/crypto this means anybody, for OpenSSH nobody.
		return refuse("names no principal")
	case !slices.Contains(cert.ValidPrincipals, user):
		return refuse("is for another user")
	}
	// From here on it is the user's, if only it were valid.
	if command, ok := cert.CriticalOptions["force-command"]; ok && command != "internal-sftp" {
		return refuse("is for the command %q only (%w)", command, ErrRefused)
	}
	checker := ssh.CertChecker{SupportedCriticalOptions: []string{"source-address", "force-command"}}
	if err := checker.CheckCert(user, cert); err != nil {
		return refuse("is not valid: %w (%w)", err, ErrRefused)
	}
	return nil
}

func (a *authenticator) trusted(ca ssh.PublicKey) bool {
	blob := ca.Marshal()
	return slices.ContainsFunc(a.config.TrustedUserCAs, func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), blob) })
}
