package tlsrecord

import (
	"bytes"
	"encoding/hex"
)

// A ClientSecret is the KeyLogWriter of the tls.Config of one connection. It
// keeps the secret of what the client sends after its handshake, in memory, and
// nothing else.
type ClientSecret struct{ secret []byte }

// Write takes a line as crypto/tls writes it for SSLKEYLOGFILE. It never fails.
func (s *ClientSecret) Write(line []byte) (int, error) {
	if f := bytes.Fields(line); len(f) == 3 && string(f[0]) == "CLIENT_TRAFFIC_SECRET_0" {
		if secret, err := hex.DecodeString(string(f[2])); err == nil {
			s.secret = secret
		}
	}
	return len(line), nil
}
