package server

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// errNoUsers is for a folder in which nothing has users.
var errNoUsers = errors.New("there is no file with users")

// readUsers reads the files with users. One that has not changed is not decoded
// again. Of one that cannot be read, or is gone, what was last good stays.
func (f *files) readUsers(before *files) {
	dir := f.config.UsersDir
	f.users = map[string]config.Shard{}
	for path, shard := range before.users {
		if filepath.Dir(path) == filepath.Clean(dir) {
			f.users[path] = shard
		}
	}
	found, err := usersFiles(dir)
	if err == nil && len(found)+len(f.users) == 0 {
		err = errNoUsers
	}
	if err != nil {
		if len(f.users) == 0 {
			f.users = before.users
		}
		f.withoutUsers("usersDir", err)
		return
	}
	for _, path := range slices.Sorted(maps.Keys(f.users)) {
		if !slices.Contains(found, path) {
			f.withoutUsers(filepath.Base(path), fs.ErrNotExist)
		}
	}
	for _, path := range found {
		shard, err := readShard(path, f.users[path])
		if err != nil {
			f.withoutUsers(filepath.Base(path), err)
			continue
		}
		f.users[path], f.leftOut = shard, append(f.leftOut, shard.LeftOut...)
	}
}

// withoutUsers says that users cannot be read.
func (f *files) withoutUsers(field string, err error) {
	err = fmt.Errorf("cannot be used: %w", err)
	f.leaveOut(field, err)
	f.secrets.Write(fmt.Appendln(nil, field, err)) // so that it is told when they are good again
}

// usersFiles are the paths of the files with users.
func usersFiles(dir string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if config.IsUsersFile(e.Name()) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, err
}

// readShard reads a file with users. Before is what it had until now.
func readShard(path string, before config.Shard) (config.Shard, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return config.Shard{}, err
	}
	if config.Hash(b) == before.Hash {
		return before, nil
	}
	return config.ParseShard(b)
}

// shards are the users, in the order of their files.
func (f *files) shards() []config.Shard {
	shards := make([]config.Shard, 0, len(f.users))
	for _, path := range slices.Sorted(maps.Keys(f.users)) {
		shards = append(shards, f.users[path])
	}
	return shards
}

// usersHashes identify what the files with users have, by their names.
func (f *files) usersHashes() map[string]string {
	hashes := make(map[string]string, len(f.users))
	for path, shard := range f.users {
		hashes[filepath.Base(path)] = shard.Hash
	}
	return hashes
}
