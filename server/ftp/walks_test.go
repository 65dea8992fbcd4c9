package ftp_test

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// A wideBackend has a tree that is as deep and as wide as it says, without a disk.
type wideBackend struct {
	ftp.Backend
	*tree
}

type tree struct {
	folders int // in each folder
	depth   int
	nameLen int
	open    atomic.Int32 // folders that are being listed
	most    atomic.Int32 // of them at a time
	listed  atomic.Int64
}

type treeSession struct {
	ftp.Session
	*tree
}

type treeEntry struct {
	name string
	mode fs.FileMode
}

func (e treeEntry) Name() string      { return e.name }
func (e treeEntry) Size() int64       { return 1 }
func (e treeEntry) Mode() fs.FileMode { return e.mode }
func (treeEntry) ModTime() time.Time  { return time.Unix(1700000000, 0) }
func (e treeEntry) IsDir() bool       { return e.mode.IsDir() }
func (treeEntry) Sys() any            { return nil }

func (b wideBackend) Login(ctx context.Context, c *ftp.Conn, user, password string) (ftp.Session, error) {
	session, err := b.Backend.Login(ctx, c, user, password)
	return treeSession{session, b.tree}, err
}

func (s treeSession) Stat(_ context.Context, name string) (fs.FileInfo, error) {
	if strings.ContainsAny(name, "*?[") {
		return nil, fs.ErrNotExist
	}
	return treeEntry{name, fs.ModeDir | 0o755}, nil
}

// List has folders, and one file.
func (s treeSession) List(_ context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		defer s.open.Add(-1)
		s.most.Store(max(s.most.Load(), s.open.Add(1)))
		for i := range s.folders {
			if strings.Count(name, "d") >= s.depth {
				break
			}
			s.listed.Add(1)
			if !yield(treeEntry{fmt.Sprintf("d%0*d", s.nameLen, i), fs.ModeDir | 0o755}, nil) {
				return
			}
		}
		yield(treeEntry{"file", 0o644}, nil)
	}
}

func serveTree(t *testing.T, tree *tree, change func(*ftp.Options)) *testServer {
	t.Helper()
	return serve(t, plain, func(s *ftp.Options) {
		s.Backend = wideBackend{s.Backend, tree}
		if change != nil {
			change(s)
		}
	})
}

// The names of some 5,000 folders do not have room at once.
func TestAWideTreeIsListedWholeAndOnce(t *testing.T) {
	t.Parallel()
	tree := &tree{folders: 5000, depth: 1, nameLen: 200}
	c := serveTree(t, tree, nil).login()
	for command, want := range map[string]int{
		"LIST -R":     5000 + 1 + 5000*3, // entries, and for each folder an empty line, its name and its file
		"NLST */file": 5000,
		"LIST */*":    5000,
	} {
		got := lines(t, c.get(command))
		seen := map[string]int{}
		for _, line := range got {
			seen[line]++
		}
		folders := 0
		for line, n := range seen {
			if strings.HasPrefix(line, "./d") || strings.HasPrefix(line, "d0") {
				folders += n
				if n != 1 {
					t.Errorf("%s has %d times %.20s…", command, n, line)
				}
			}
		}
		if len(got) != want {
			t.Errorf("%s has %d lines, of which %d are folders; want %d", command, len(got), folders, want)
		}
	}
	c.command("DSIZ /", "213 5001")
}

// One folder is open at a time: the depth of a tree costs no descriptors.
func TestADeepTreeIsListedFolderByFolder(t *testing.T) {
	t.Parallel()
	tree := &tree{folders: 1, depth: 40, nameLen: 1}
	c := serveTree(t, tree, nil).login()
	if got := lines(t, c.get("LIST -R")); len(got) != 2*40+1+2*40 {
		t.Errorf("LIST -R has %d lines", len(got))
	}
	if got := lines(t, c.get("NLST "+strings.Repeat("*/", 40)+"*")); len(got) != 1 {
		t.Errorf("NLST has %q", got)
	}
	c.command("DSIZ /", "213 41")
	if most := tree.most.Load(); most != 1 {
		t.Errorf("%d folders were open at a time", most)
	}
	c.epsv()
	c.command("NLST "+strings.Repeat("*/", 65), "550 ...")
}

func TestAPatternThatMatchesNothingHasAnEnd(t *testing.T) {
	t.Parallel()
	tree := &tree{folders: 1 << 40, depth: 1 << 40}
	c := serveTree(t, tree, func(s *ftp.Options) { s.Limits.StallTimeout = 100 * time.Millisecond }).login()
	c.data(c.epsv())
	c.command("NLST nothing*", "150 ...")
	c.expect("451 Nothing was found for too long")
	eventually(t, "the listing ends", func() bool { return tree.open.Load() == 0 })
}

func TestAnEndlessTreeLeavesTheSessionToItsClient(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"NLST nothing*", "NLST */*/nothing", "DSIZ /"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			tree := &tree{folders: 1 << 40, depth: 1 << 40}
			c := serveTree(t, tree, nil).login()
			if strings.HasPrefix(command, "DSIZ") {
				c.send(command)
			} else {
				c.data(c.epsv())
				c.command(command, "150 ...")
			}
			eventually(t, "many entries are seen", func() bool { return tree.listed.Load() > 10_000 })
			c.command("NOOP", "200 OK")
			c.send("ABOR")
			c.expect("426 ...")
			c.expect("226 ...")
			eventually(t, "the listing ends", func() bool { return tree.open.Load() == 0 })
		})
	}
}
