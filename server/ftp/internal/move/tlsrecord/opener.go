// Package tlsrecord opens the records of TLS 1.3 (RFC 8446 section 5) that a
// client sends after its handshake, straight into the buffer of whoever reads.
//
// crypto/tls copies what it receives twice, which for a server that does little
// else than receive files is a fifth of its processor time. It goes on to do the
// handshakes, to send, and to receive what is not opened here: TLS 1.2, and
// ciphers other than AES-GCM.
package tlsrecord

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

const (
	headerSize = 5
	tagSize    = 16
	maxData    = 1 << 14 // of one record, without its content type (section 5.1)

	// MaxSize is the longest record with its header (section 5.2).
	MaxSize = headerSize + maxData + 256

	// maxIdle is how many records without data may follow one another, as in
	// crypto/tls: they cost a server more than they cost who sends them.
	maxIdle = 16
)

// Content types (section 5.1).
const (
	typeAlert           = 21
	typeHandshake       = 22
	typeApplicationData = 23
)

// Alerts (section 6).
const (
	alertCloseNotify       = 0
	alertUnexpectedMessage = tls.AlertError(10)
	alertBadRecordMAC      = tls.AlertError(20)
	alertRecordOverflow    = tls.AlertError(22)
	alertIllegalParameter  = tls.AlertError(47)
	alertDecodeError       = tls.AlertError(50)
	alertUserCanceled      = 90
)

// Next cuts the first record off b. It returns nil and b if b has only a part of it. An
// error is the tls.AlertError that says what is wrong.
func Next(b []byte) (record, rest []byte, err error) {
	if len(b) < headerSize {
		return nil, b, nil
	}
	size := headerSize + int(binary.BigEndian.Uint16(b[3:]))
	switch {
	case b[0] != typeApplicationData: // as which all are disguised (section 5.2)
		return nil, b, alertUnexpectedMessage
	case size > MaxSize:
		return nil, b, alertRecordOverflow
	case size > len(b):
		return nil, b, nil
	}
	return b[:size], b[size:], nil
}

// An Opener opens the records of one connection, one after the other.
type Opener struct {
	hash    func() hash.Hash
	keySize int
	secret  []byte
	aead    cipher.AEAD
	iv      [12]byte
	seq     uint64
	idle    int // records without data since the last one with
}

// NewOpener returns an Opener for what the client of a connection sends after
// its handshake, or nil if that is not protected by TLS 1.3 with AES-GCM.
func NewOpener(state *tls.ConnectionState, s *ClientSecret) *Opener {
	o := &Opener{secret: s.secret}
	switch state.CipherSuite {
	case tls.TLS_AES_128_GCM_SHA256:
		o.hash, o.keySize = sha256.New, 16
	case tls.TLS_AES_256_GCM_SHA384:
		o.hash, o.keySize = sha512.New384, 32
	default:
		return nil
	}
	if state.Version != tls.VersionTLS13 || len(s.secret) != o.hash().Size() || o.setKey() != nil {
		return nil
	}
	return o
}

// setKey derives key and IV from the secret (section 7.3).
func (o *Opener) setKey() error {
	key, err := o.expand("key", o.keySize)
	if err != nil {
		return err
	}
	iv, err := o.expand("iv", len(o.iv))
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	o.aead, err = cipher.NewGCM(block)
	o.iv, o.seq = [12]byte(iv), 0
	return err
}

// expand is HKDF-Expand-Label without a context (section 7.1).
func (o *Opener) expand(label string, size int) ([]byte, error) {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(append(info, byte(len(label))), label...)
	return hkdf.Expand(o.hash, o.secret, string(append(info, 0)), size)
}

// Room is how many bytes Open needs behind dst for a record.
func Room(record []byte) int { return max(len(record)-headerSize-tagSize, 0) }

// Payload is the part of a record that may be given to Open as dst, emptied, to
// have the record opened in place.
func Payload(record []byte) []byte { return record[headerSize:] }

// Open opens a record that Next has cut, appends its data to dst, and returns that.
// There may be none. The error is io.EOF when the client has sent its last
// (close_notify); any other ends the connection.
func (o *Opener) Open(dst, record []byte) ([]byte, error) {
	nonce := o.iv
	seq := nonce[4:]
	binary.BigEndian.PutUint64(seq, binary.BigEndian.Uint64(seq)^o.seq)
	o.seq++ // 2^64 records never come
	opened, err := o.aead.Open(dst, nonce[:], record[headerSize:], record[:headerSize])
	if err != nil {
		return dst, alertBadRecordMAC
	}
	content := opened[len(dst):]
	if len(content) > maxData+1 {
		return dst, alertRecordOverflow
	}
	content = bytes.TrimRight(content, "\x00") // padding (section 5.4)
	if len(content) == 0 {
		return dst, alertUnexpectedMessage
	}
	content, kind := content[:len(content)-1], content[len(content)-1]
	if kind == typeApplicationData && len(content) > 0 {
		o.idle = 0
		return opened[:len(dst)+len(content)], nil
	}
	if o.idle++; o.idle > maxIdle {
		return dst, alertUnexpectedMessage
	}
	switch kind {
	case typeApplicationData:
		return dst, nil
	case typeAlert:
		return dst, alertError(content)
	case typeHandshake:
		return dst, o.update(content)
	}
	return dst, alertUnexpectedMessage
}

// alertError returns the error that an alert stands for.
func alertError(content []byte) error {
	switch {
	case len(content) != 2:
		return alertDecodeError
	case content[1] == alertCloseNotify:
		return io.EOF
	case content[1] == alertUserCanceled: // a close_notify follows (section 6.1)
		return nil
	}
	return fmt.Errorf("tlsrecord: alert from the client: %w", tls.AlertError(content[1]))
}

// keyUpdate begins the only message of a handshake that a client sends after the
// handshake (section 4.6.3). A byte follows that may ask for the server's new key. A
// receiver that never sends application data need not answer that: the answer is due
// before its next data.
var keyUpdate = []byte{24, 0, 0, 1}

func (o *Opener) update(message []byte) (err error) {
	request, ok := bytes.CutPrefix(message, keyUpdate)
	if !ok || len(request) != 1 {
		return alertUnexpectedMessage
	}
	if request[0] > 1 {
		return alertIllegalParameter
	}
	if o.secret, err = o.expand("traffic upd", len(o.secret)); err != nil {
		return err
	}
	return o.setKey()
}

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
