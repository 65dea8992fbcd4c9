//go:build e2e

package large

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"math/rand/v2"
	"os"
)

const block = 1 << 20

// A source reads a file of random bytes, the same in each run, from any place on. before is
// asked before each read, and may end it.
type source struct {
	at, size int64
	before   func(at int64) error
	block    [block]byte
	number   int64 // of the block, from 1 on
}

func (s *source) Read(p []byte) (int, error) {
	if s.at >= s.size {
		return 0, io.EOF
	}
	if s.before != nil {
		if err := s.before(s.at); err != nil {
			return 0, err
		}
	}
	if n := s.at/block + 1; n != s.number {
		var seed [32]byte
		binary.LittleEndian.PutUint64(seed[:], uint64(n))
		s.number = n
		_, _ = rand.NewChaCha8(seed).Read(s.block[:]) // which never fails
	}
	n := copy(p[:min(int64(len(p)), s.size-s.at)], s.block[s.at%block:])
	s.at += int64(n)
	return n, nil
}

// sumOf is the SHA-256 of what a reader has.
func sumOf(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{r}, make([]byte, block))
	return text(h), err
}

func text(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

func sumOfFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return sumOf(f)
}
