//go:build e2e

package matrix

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// operation is what a client is to do, and what is checked then, on the
// server's disk and on the client's.
type operation struct {
	name string
	run  func(context.Context, *session) (note string, err error)
}

// The names of operations, by which a row says what its client cannot.
const (
	opUpload   = "upload"
	opDownload = "download"
	opRePut    = "resume up"
	opReGet    = "resume down"
	opList     = "list"
	opRename   = "rename"
	opDelete   = "delete"
	opFolders  = "folders"
	opNames    = "names"
	opEmpty    = "empty"
	opLarge    = "large"
)

var operations = []operation{
	{opUpload, upload}, {opDownload, download}, {opRePut, resumeUpload}, {opReGet, resumeDownload}, {opList, listing},
	{opRename, rename}, {opDelete, deletion}, {opFolders, folders}, {opNames, oddNames}, {opEmpty, emptyFile}, {opLarge, largeFile},
}

// odd are names that some client, server or shell takes for something else.
var odd = []string{"  spaces  ", "star*.txt", "[bracket]", ".hidden", "..dots", "naïve 文件", "#hash", "100%25"}

func upload(ctx context.Context, s *session) (string, error) {
	if err := s.tell(ctx, step{put, sources.small, "up.bin"}); err != nil {
		return "", err
	}
	return "", same(s.remote("up.bin"), sources.small)
}

func download(ctx context.Context, s *session) (string, error) {
	if err := cp(sources.small, s.remote("down.bin")); err != nil {
		return "", err
	}
	if err := s.tell(ctx, step{get, "down.bin", s.scratch("down.bin")}); err != nil {
		return "", err
	}
	return "", same(s.scratch("down.bin"), sources.small)
}

// A resumed transfer goes on where the other file ends, whose head differs
// here: a client that sends it again is found out.
func resumeUpload(ctx context.Context, s *session) (string, error) {
	target := s.remote("reup.bin")
	defer os.Remove(target)
	if err := cp(s.long.head, target); err != nil {
		return "", err
	}
	if err := s.tell(ctx, step{rePut, s.long.whole, "reup.bin"}); err != nil {
		return "", err
	}
	return "", sameResumed(target, s.long.head, s.long.whole)
}

func resumeDownload(ctx context.Context, s *session) (string, error) {
	source, target := s.remote("redown.bin"), s.scratch("redown.bin")
	defer os.Remove(source)
	defer os.Remove(target)
	if err := cp(s.long.whole, source); err != nil {
		return "", err
	}
	if err := cp(s.long.head, target); err != nil {
		return "", err
	}
	if err := s.tell(ctx, step{reGet, "redown.bin", target}); err != nil {
		return "", err
	}
	return "", sameResumed(target, s.long.head, s.long.whole)
}

func listing(ctx context.Context, s *session) (string, error) {
	// A folder in a bucket is there since something is in it.
	if err := errors.Join(os.MkdirAll(s.remote("list/folder"), 0o755), os.WriteFile(s.remote("list/folder/file"), nil, 0o644)); err != nil {
		return "", err
	}
	names := []string{"folder"}
	for i := range 100 {
		name := fmt.Sprintf("file-%03d.txt", i)
		names = append(names, name)
		if err := os.WriteFile(s.remote("list/"+name), []byte(name), 0o644); err != nil {
			return "", err
		}
	}
	if err := s.tell(ctx, step{verb: list, a: "list"}); err != nil {
		return "", err
	}
	return "", s.listed(names...)
}

// listed says which names are missing at the ends of the lines that the client
// printed.
func (s *session) listed(names ...string) error {
	lines := strings.Split(strings.ReplaceAll(s.output, "\r", ""), "\n")
	for _, name := range names {
		if !slices.ContainsFunc(lines, func(line string) bool {
			return strings.HasSuffix(line, name) || strings.HasSuffix(line, name+"/")
		}) {
			return fmt.Errorf("%q is not listed", name)
		}
	}
	return nil
}

func rename(ctx context.Context, s *session) (string, error) {
	if err := cp(sources.small, s.remote("old.bin")); err != nil {
		return "", err
	}
	if err := s.tell(ctx, step{move, "old.bin", "new.bin"}); err != nil {
		return "", err
	}
	if err := gone(s.remote("old.bin")); err != nil {
		return "", err
	}
	return "", same(s.remote("new.bin"), sources.small)
}

func deletion(ctx context.Context, s *session) (string, error) {
	if err := cp(sources.empty, s.remote("delete.bin")); err != nil {
		return "", err
	}
	if err := s.tell(ctx, step{verb: remove, a: "delete.bin"}); err != nil {
		return "", err
	}
	return "", gone(s.remote("delete.bin"))
}

func gone(name string) error {
	_, err := os.Lstat(name)
	switch {
	case err == nil:
		return fmt.Errorf("%s is still there", filepath.Base(name))
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

func folders(ctx context.Context, s *session) (string, error) {
	var steps []step
	dir := ""
	for i := range 12 {
		dir = path.Join(dir, fmt.Sprintf("folder-%d", i))
		steps = append(steps, step{verb: makeDir, a: dir})
	}
	file, back := path.Join(dir, "file.bin"), s.scratch("deep.bin")
	if err := s.tell(ctx, append(steps, step{put, sources.small, file}, step{get, file, back})...); err != nil {
		return "", err
	}
	if err := same(s.remote(file), sources.small); err != nil {
		return "", err
	}
	return "", same(back, sources.small)
}

// oddNames uploads, lists, downloads, renames and deletes files of odd names,
// as far as the client knows these, in a folder that has another file.
func oddNames(ctx context.Context, s *session) (string, error) {
	var names, notes []string
	for _, name := range odd {
		if why := s.cannot[name]; why != "" {
			notes = append(notes, fmt.Sprintf("not %q: %s", name, why))
		} else {
			names = append(names, name)
		}
	}
	if err := cp(sources.empty, s.remote("odd/first")); err != nil {
		return "", err
	}
	for _, verb := range []string{put, list, get, move, remove} {
		var why string
		switch verb {
		case list:
			why = s.cannot[opList]
		case move:
			why = s.cannot[opRename]
		case remove:
			why = s.cannot[opDelete]
		}
		if why != "" {
			continue // which has its own cell
		}
		if err := s.oddVerb(ctx, verb, names); err != nil {
			return "", fmt.Errorf("%s: %w", verb, err)
		}
	}
	return strings.Join(notes, "; "), nil
}

func (s *session) oddVerb(ctx context.Context, verb string, names []string) error {
	const renamed = "+"
	back := func(i int) string { return s.scratch(fmt.Sprintf("odd%d.bin", i)) }
	var steps []step
	for i, name := range names {
		name = "odd/" + name
		switch verb {
		case put:
			steps = append(steps, step{put, sources.small, name})
		case get:
			steps = append(steps, step{get, name, back(i)})
		case move:
			steps = append(steps, step{move, name, name + renamed})
		case remove:
			if s.cannot[opRename] == "" {
				name += renamed
			}
			steps = append(steps, step{verb: remove, a: name})
		}
	}
	if verb == list {
		steps = []step{{verb: list, a: "odd"}}
	}
	if err := s.tell(ctx, steps...); err != nil {
		return err
	}
	if verb == list {
		return s.listed(names...)
	}
	for i, name := range names {
		file := s.remote("odd/" + name)
		var err error
		switch verb {
		case put:
			err = same(file, sources.small)
		case get:
			err = same(back(i), sources.small)
		case move:
			err = same(file+renamed, sources.small)
		case remove:
			if s.cannot[opRename] == "" {
				file += renamed
			}
			err = gone(file)
		}
		if err != nil {
			entries, _ := os.ReadDir(s.remote("odd"))
			return fmt.Errorf("%q: %w; there are %q", name, err, entries)
		}
	}
	return nil
}

func emptyFile(ctx context.Context, s *session) (string, error) {
	if err := s.tell(ctx, step{put, sources.empty, "empty.bin"}, step{get, "empty.bin", s.scratch("empty.bin")}); err != nil {
		return "", err
	}
	if err := same(s.remote("empty.bin"), sources.empty); err != nil {
		return "", err
	}
	return "", same(s.scratch("empty.bin"), sources.empty)
}

// largeFile replaces what was uploaded with the sparse source before it is
// downloaded, so that the disk holds the content once.
func largeFile(ctx context.Context, s *session) (string, error) {
	file, back := s.remote("large.bin"), s.scratch("large.bin")
	defer os.Remove(file)
	defer os.Remove(back)
	if err := s.tell(ctx, step{put, s.long.whole, "large.bin"}); err != nil {
		return "", fmt.Errorf("up: %w", err)
	}
	if err := same(file, s.long.whole); err != nil {
		return "", fmt.Errorf("up: %w", err)
	}
	if err := cp(s.long.whole, file); err != nil {
		return "", err
	}
	if err := s.tell(ctx, step{get, "large.bin", back}); err != nil {
		return "", fmt.Errorf("down: %w", err)
	}
	if err := same(back, s.long.whole); err != nil {
		return "", fmt.Errorf("down: %w", err)
	}
	return "", nil
}
