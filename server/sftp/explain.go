package sftp

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// maxExplained is how many bytes of what a client offers are logged.
const maxExplained = 512

// explain logs why a client could not log in, where it was not for its
// credentials: neither its user nor the operator of the server could find out
// otherwise. Client and version are those of its identification.
func (c *Conn) explain(err error) {
	switch none, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err); {
	case ok:
		log := c.log
		if none.What == "host key" && c.lacksRSAKeyOf(none.RequestedAlgorithms) {
			log = log.With("remedy", "an RSA host key: RSA in sshHostKeys.types of the FileServer, or in the Secret of sshHostKeys.secretRef; see docs/connect.md")
		}
		log.Info("a client has no algorithm in common with the server", "client", c.ClientVersion(),
			"for", none.What, "offered", cut(none.RequestedAlgorithms), "accepted", cut(none.SupportedAlgorithms))
	case isSecondServiceRequest(err):
		c.log.Info("a client has asked for the authentication service a second time, which is not supported; "+
			"paramiko does so before its second attempt, see docs/connect.md", "client", c.ClientVersion())
	}
}

// lacksRSAKeyOf reports whether a client that offers these algorithms of host keys
// would take an RSA key, and there is none.
func (c *Conn) lacksRSAKeyOf(offered []string) bool {
	rsa := func(name string) bool { return name == ssh.KeyAlgoRSA || strings.HasPrefix(name, "rsa-sha2-") }
	return slices.ContainsFunc(offered, rsa) && !slices.ContainsFunc(c.hostKeys, func(key ssh.Signer) bool { return rsa(key.PublicKey().Type()) })
}

// cut returns names, fit for a log.
func cut(names []string) string {
	s := printable(strings.Join(names, ","))
	if len(s) > maxExplained {
		return s[:maxExplained] + "..."
	}
	return s
}

// isSecondServiceRequest reports whether SSH_MSG_SERVICE_REQUEST (RFC 4253 section 10)
// came where x/crypto wants SSH_MSG_USERAUTH_REQUEST
// (https://github.com/golang/go/issues/75268). It has no name for this error.
func isSecondServiceRequest(err error) bool {
	return err != nil && strings.Contains(err.Error(), "unexpected message type 5 (expected one of [50])")
}
