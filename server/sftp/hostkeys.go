package sftp

import (
	"bytes"
	"crypto/rand"
	"strings"

	"golang.org/x/crypto/ssh"
)

// announceHostKeys tells the client all host keys, so that it knows those that
// will be used after a rotation (PROTOCOL of OpenSSH, section 2.5).
func (c *Conn) announceHostKeys(conn *ssh.ServerConn) {
	var e encoder
	for _, key := range c.hostKeys {
		e.bytes(key.PublicKey().Marshal())
	}
	conn.SendRequest("hostkeys-00@openssh.com", false, e.b)
}

// proveHostKeys signs for each host key that the client asks about.
func (c *Conn) proveHostKeys(conn *ssh.ServerConn, payload []byte) (ok bool, signatures []byte) {
	// A client asks once, when it was told the keys, and about each of them.
	if !c.exchanges.Allow() {
		return false, nil
	}
	d, e := decoder{b: payload}, encoder{}
	for n := 0; len(d.b) > 0; n++ {
		if n == len(c.hostKeys) {
			return false, nil
		}
		blob := d.bytes()
		key := c.hostKey(blob)
		if d.failed || key == nil || len(e.b) > maxKexInit {
			return false, nil
		}
		var data encoder
		data.string("hostkeys-prove-00@openssh.com")
		data.bytes(conn.SessionID())
		data.bytes(blob)
		sig, err := key.SignWithAlgorithm(rand.Reader, data.b, c.proofAlgorithm(conn, key))
		if err != nil {
			c.log.Error("proving a host key failed", "error", err)
			return false, nil
		}
		e.bytes(ssh.Marshal(sig))
	}
	return true, e.b
}

func (c *Conn) hostKey(blob []byte) ssh.AlgorithmSigner {
	for _, key := range c.hostKeys {
		if s, ok := key.(ssh.AlgorithmSigner); ok && bytes.Equal(key.PublicKey().Marshal(), blob) {
			return s
		}
	}
	return nil
}

// proofAlgorithm is that of the key exchange where the key is of its kind, as
// clients expect it.
func (c *Conn) proofAlgorithm(conn *ssh.ServerConn, key ssh.Signer) string {
	if key.PublicKey().Type() != ssh.KeyAlgoRSA {
		return key.PublicKey().Type()
	}
	if a, ok := conn.Conn.(ssh.AlgorithmsConnMetadata); ok && strings.HasPrefix(a.Algorithms().HostKey, "rsa-sha2-") {
		return a.Algorithms().HostKey
	}
	return ssh.KeyAlgoRSASHA512
}
