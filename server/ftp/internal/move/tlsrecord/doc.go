// Package tlsrecord opens the records of TLS 1.3 (RFC 8446 section 5) that a
// client sends after its handshake, straight into the buffer of whoever reads.
//
// crypto/tls copies what it receives twice, which for a server that does little
// else than receive files is a fifth of its processor time. It goes on to do the
// handshakes, to send, and to receive what is not opened here: TLS 1.2, and
// ciphers other than AES-GCM.
package tlsrecord
