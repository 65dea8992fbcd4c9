package ftp

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
)

// draft-bryan-ftpext-hash, and the older verbs for single algorithms: checksums.
var _ = register(map[string]*command{
	"HASH":    {(*Conn).cmdHash, needArg, "name"},
	"XCRC":    {xhash("CRC32"), needArg, "name [start end]"},
	"XMD5":    {xhash("MD5"), needArg, "name [start end]"},
	"XSHA1":   {xhash("SHA-1"), needArg, "name [start end]"},
	"XSHA256": {xhash("SHA-256"), needArg, "name [start end]"},
	"XSHA512": {xhash("SHA-512"), needArg, "name [start end]"},
})

type hashAlgorithm struct {
	name string
	new  func() hash.Hash
}

var hashAlgorithms = []*hashAlgorithm{
	{"SHA-256", sha256.New},
	{"SHA-512", sha512.New},
	{"SHA-1", sha1.New},
	{"MD5", md5.New},
	{"CRC32", func() hash.Hash { return crc32.NewIEEE() }},
}

var defaultHash = hashAlgorithms[0]

func hashNamed(name string) *hashAlgorithm {
	for _, a := range hashAlgorithms {
		if strings.EqualFold(a.name, name) {
			return a
		}
	}
	return nil
}

// hashList returns the algorithms for FEAT, the chosen one marked with a star.
func hashList(chosen *hashAlgorithm) string {
	var b strings.Builder
	for _, a := range hashAlgorithms {
		b.WriteString(a.name)
		if a == chosen {
			b.WriteByte('*')
		}
		b.WriteByte(';')
	}
	return b.String()
}

func (c *Conn) optsHash(arg string) error {
	if arg != "" {
		a := hashNamed(arg)
		if a == nil {
			return &Error{504, "Unknown algorithm"}
		}
		c.state.hash = a
	}
	return c.reply(200, c.state.hash.name)
}

func (c *Conn) cmdHash(arg string) error {
	algorithm := c.state.hash
	return c.startHash("HASH", algorithm, arg, 0, -1, func(sum string, end int64) *Error {
		return errorf(213, "%s 0-%d %s %s", algorithm.name, end, sum, arg)
	})
}

func xhash(name string) func(*Conn, string) error {
	return func(c *Conn, arg string) error {
		file, start, end, err := c.hashRange(arg)
		if err != nil {
			return err
		}
		return c.startHash("X"+name, hashNamed(name), file, start, end, func(sum string, _ int64) *Error {
			return &Error{250, strings.ToUpper(sum)}
		})
	}
}

// hashRange parses a name that may be quoted and may be followed by the range
// of bytes to look at, of which the end is not included; -1 is the file's end.
// A name without quotes may itself end in numbers: the longest is meant that
// exists.
func (c *Conn) hashRange(arg string) (name string, start, end int64, err error) {
	words, ok := splitQuoted(arg)
	if !ok || arg[0] != '"' {
		words = strings.Split(arg, " ")
		at := len(words) // where the name ends
		for ; at > 1 && at > len(words)-2; at-- {
			name, err := c.resolve(strings.Join(words[:at], " "))
			if err != nil {
				return "", 0, 0, err
			}
			if _, err := parseSize(words[at-1]); err != nil || !errors.Is(c.exists(name), fs.ErrNotExist) {
				break
			}
		}
		words = append([]string{strings.Join(words[:at], " ")}, words[at:]...)
	}
	return rangeOf(words)
}

// rangeOf reads a name, and up to two numbers behind it.
func rangeOf(words []string) (name string, start, end int64, err error) {
	if len(words) > 3 || words[0] == "" {
		return "", 0, 0, errSyntax
	}
	bounds := [2]int64{0, -1}
	for i, word := range words[1:] {
		if bounds[i], err = parseSize(word); err != nil {
			return "", 0, 0, err
		}
	}
	if len(words) == 3 && bounds[1] < bounds[0] {
		return "", 0, 0, &Error{501, "The range ends before it starts"}
	}
	return words[0], bounds[0], bounds[1], nil
}

// storedSums is a file that may know its checksums; nil is one that it does not know.
type storedSums interface{ Checksum(algorithm string) []byte }

// startHash reads a file beside the control goroutine, since that may take
// long: ABOR ends it.
func (c *Conn) startHash(verb string, a *hashAlgorithm, arg string, start, end int64, reply func(sum string, end int64) *Error) error {
	name, err := c.resolve(arg)
	if err != nil {
		return err
	}
	file, size, err := c.openRead(name, start)
	if err == errBeyondEnd {
		return &Error{501, "The file ends before that offset"}
	}
	if err != nil {
		return err
	}
	if end < 0 || end > size {
		end = size
	}
	j := &job{verb: verb, path: name, size: end - start}
	return c.startWork(j, func() (*Error, error) {
		defer file.Close()
		if s, ok := file.(storedSums); ok && start == 0 && end == size {
			if sum := s.Checksum(a.name); sum != nil {
				return reply(hex.EncodeToString(sum), end), nil
			}
		}
		h := a.new()
		if err := c.server.buffers.Copy(&sharedWriter{c, j, h}, &jobReader{j, io.LimitReader(file, end-start)}); err != nil {
			return nil, err
		}
		return reply(hex.EncodeToString(h.Sum(nil)), end), nil
	})
}

// splitQuoted splits arg at spaces, except inside of double quotes, in which a
// quote is doubled. It fails if a quote is not closed.
func splitQuoted(arg string) (words []string, ok bool) {
	for arg = strings.TrimLeft(arg, " "); arg != ""; arg = strings.TrimLeft(arg, " ") {
		if arg[0] != '"' {
			word, rest, _ := strings.Cut(arg, " ")
			words, arg = append(words, word), rest
			continue
		}
		var word strings.Builder
		i := 1
		for ; i < len(arg); i++ {
			if arg[i] == '"' {
				if i+1 == len(arg) || arg[i+1] != '"' {
					break
				}
				i++
			}
			word.WriteByte(arg[i])
		}
		if i == len(arg) {
			return nil, false
		}
		words, arg = append(words, word.String()), arg[i+1:]
	}
	return words, true
}
