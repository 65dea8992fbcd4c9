package memfs

import (
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"
)

// An FS is a file system in memory.
type FS struct {
	mu    sync.Mutex
	root  *node
	used  int64
	quota int64
}

// node is a file, directory or symbolic link. FS.mu guards all of it.
type node struct {
	mode     fs.FileMode
	modTime  time.Time
	children map[string]*node
	target   string
	data     content
}

// NewFS returns an empty file system.
func NewFS() *FS {
	return &FS{root: &node{mode: fs.ModeDir | 0o755, modTime: time.Now(), children: map[string]*node{}}}
}

// SetQuota bounds the bytes in files; 0 is no bound.
func (f *FS) SetQuota(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.quota = bytes
}

const maxLinks = 16

// find returns the node of a name, with symbolic links followed, the last one
// only if follow is true. Links are relative to the top when they begin with a
// slash, and never lead out of it.
func (f *FS) find(name string, follow bool) (*node, error) {
	return f.walk(name, follow, 0)
}

func (f *FS) walk(name string, follow bool, links int) (*node, error) {
	if links > maxLinks {
		return nil, syscall.ELOOP
	}
	n, at := f.root, "/"
	rest := strings.Trim(path.Clean("/"+name), "/")
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		if n.children == nil {
			return nil, syscall.ENOTDIR
		}
		child, ok := n.children[part]
		if !ok {
			return nil, fs.ErrNotExist
		}
		if child.mode&fs.ModeSymlink != 0 && (rest != "" || follow) {
			target := child.target
			if !strings.HasPrefix(target, "/") {
				target = at + "/" + target
			}
			return f.walk(target+"/"+rest, follow, links+1)
		}
		n, at = child, path.Join(at, part)
	}
	return n, nil
}

// parent returns the directory of a name, and the name in it.
func (f *FS) parent(name string) (*node, string, error) {
	dir, base := path.Split(path.Clean("/" + name))
	if base == "" {
		return nil, "", fs.ErrPermission
	}
	n, err := f.find(dir, true)
	if err != nil {
		return nil, "", err
	}
	if n.children == nil {
		return nil, "", syscall.ENOTDIR
	}
	return n, base, nil
}

// info is a snapshot of a node.
type info struct {
	name    string
	size    int64
	mode    fs.FileMode
	modTime time.Time
	target  string
}

func (n *node) info(name string) info {
	return info{name, n.data.size, n.mode, n.modTime, n.target}
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.modTime }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }
func (i info) LinkTarget() string { return i.target }

// content is the bytes of a file, in blocks of which those never written take
// no memory, so a test can have a file of many gigabytes.
type content struct {
	size   int64
	blocks map[int64]*[blockSize]byte
}

const blockSize = 64 << 10

func (c *content) readAt(p []byte, off int64) (int, error) {
	if off >= c.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), c.size-off)]
	n := 0
	for n < len(p) {
		at := (off + int64(n)) % blockSize
		part := p[n:min(len(p), n+int(blockSize-at))]
		if block := c.blocks[(off+int64(n))/blockSize]; block != nil {
			copy(part, block[at:])
		} else {
			clear(part)
		}
		n += len(part)
	}
	return n, nil
}

func (c *content) writeAt(p []byte, off int64) {
	if c.blocks == nil {
		c.blocks = map[int64]*[blockSize]byte{}
	}
	for n := 0; n < len(p); {
		i, at := (off+int64(n))/blockSize, (off+int64(n))%blockSize
		block := c.blocks[i]
		if block == nil {
			block = new([blockSize]byte)
			c.blocks[i] = block
		}
		n += copy(block[at:], p[n:])
	}
	c.size = max(c.size, off+int64(len(p)))
}

func (c *content) truncate(size int64) {
	for i, block := range c.blocks {
		switch start := i * blockSize; {
		case start >= size:
			delete(c.blocks, i)
		case start+blockSize > size:
			clear(block[size-start:])
		}
	}
	c.size = size
}
