package probe

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"net"
	"syscall"
)

var closings = []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// clientTLS takes any certificate: what is wrong with one is seen after the handshake,
// and said. Before it is known to be the server's, nobody logs in.
func clientTLS(address string) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // it is compared with the status, see above
		ServerName:         address,
		ClientSessionCache: tls.NewLRUClientSessionCache(4),
		MinVersion:         tls.VersionTLS10,
	}
}
