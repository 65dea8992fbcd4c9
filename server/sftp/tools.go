package sftp

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"strings"
)

// A tool is a command that is no transfer. There are a few that clients run
// beside SFTP: to find where they are, and to compare checksums without moving
// files.
type tool struct {
	ch   *channel
	name string
}

// tools are the commands that there are.
var tools = map[string]func(t *tool, args []word) int{
	"pwd":       (*tool).pwd,
	"cd":        (*tool).cd,
	"echo":      (*tool).echo,
	"md5sum":    sums(md5.New),
	"sha1sum":   sums(sha1.New),
	"sha256sum": sums(sha256.New),
	"sha512sum": sums(sha512.New),
}

func (t *tool) print(line string) int {
	if t.ch.write([]byte(line+"\n")) != nil {
		return 1
	}
	return 0
}

func (t *tool) fail(name string, err error) int {
	t.ch.warn(t.name + ": " + line(name) + ": " + reply(err, t.ch.conn.log).Text)
	return 1
}

func (t *tool) pwd([]word) int { return t.print(home) }

// cd says whether there is such a directory. Each command begins at home.
func (t *tool) cd(args []word) int {
	name := home
	if len(args) > 0 {
		name = args[0].text
	}
	abs, err := absolute(name)
	if err != nil {
		return t.fail(name, err)
	}
	info, err := t.ch.session.Stat(t.ch.ctx, abs)
	if err == nil && !info.IsDir() {
		err = &Error{StatusFailure, "Not a directory"}
	}
	if err != nil {
		return t.fail(name, err)
	}
	return 0
}

// echo answers rclone, which asks with variables what kind of shell there is:
// it can run the tools for checksums in one of Unix, where they are empty.
func (t *tool) echo(args []word) int {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = strings.ReplaceAll(a.text, "${ShellId}", "")
	}
	return t.print(strings.Join(words, " "))
}

// sums makes a tool of coreutils for checksums.
func sums(newHash func() hash.Hash) func(*tool, []word) int {
	return func(t *tool, args []word) int {
		if len(args) > 0 && args[0].text == "--" {
			args = args[1:]
		}
		if len(args) == 0 {
			args = []word{{text: "-"}}
		}
		if c, ok := t.ch.session.(Tools); ok && !c.Checksums() {
			return t.fail(args[0].text, fs.ErrPermission)
		}
		status := 0
		for _, a := range args {
			h := newHash()
			if err := t.sum(h, a.text); err != nil {
				status = t.fail(a.text, err)
				continue
			}
			if s := t.print(fmt.Sprintf("%s  %s", hex.EncodeToString(h.Sum(nil)), line(a.text))); s != 0 {
				return s
			}
		}
		return status
	}
}

// sum adds a file, or what the client sends for "-", to h.
func (t *tool) sum(h hash.Hash, name string) (err error) {
	if name == "-" {
		_, err = io.Copy(h, patient{t.ch})
		return err
	}
	abs, err := absolute(name)
	if err != nil {
		return err
	}
	done, err := enqueue(t.ch.ctx, t.ch.conn.account.hashes)
	if err != nil {
		return err
	}
	defer done()
	if err := t.ch.conn.reserve(kindFile); err != nil {
		return err
	}
	defer t.ch.conn.release(kindFile)
	f, err := t.ch.session.OpenFile(t.ch.ctx, abs, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { t.ch.conn.worked(t.name, abs, err) }()
	defer f.Close()
	buf, err := t.ch.conn.getBuffer(t.ch.ctx, maxData)
	if err != nil {
		return err
	}
	defer t.ch.conn.putBuffer(buf)
	for at := int64(0); ; {
		if err := t.ch.ctx.Err(); err != nil {
			return err
		}
		n, err := f.ReadAt((*buf)[:maxData], at)
		if err := t.add(h, (*buf)[:n]); err != nil {
			return err
		}
		at += int64(n)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// add adds to h when it is its turn, so that many that ask for checksums leave
// others a processor. A file that is slow to read takes nobody's turn.
func (t *tool) add(h hash.Hash, b []byte) error {
	done, err := t.ch.conn.server.turn(t.ch.ctx)
	if err != nil {
		return err
	}
	defer done()
	h.Write(b)
	return nil
}
