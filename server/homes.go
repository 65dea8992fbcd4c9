package server

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// lookAgain is after how long it is found out once more whether homes can be
// used that could not. Somebody asks for that: the operator.
const lookAgain = 20 * time.Second

// homes finds out which users' homes the server may not use as they need it,
// since the volume's files belong to somebody else. The login of such a user
// fails, or uploads do, and nothing tells the client why.
//
// It looks at the volume in a goroutine of its own, one at a time: a volume may
// be slow, or not answer at all.
type homes struct {
	log *slog.Logger

	mu      sync.Mutex
	root    string
	shards  []config.Shard
	looked  map[string][]config.Denied // what was found, by the hash of a shard
	looking bool
	stale   bool // there are newer users than those that are looked for
	fresh   bool // what was found is about the newest users
	found   []config.Denied
	at      time.Time // of the last look
}

// look finds out about the homes of users, without waiting for it. Those of a shard
// that has not changed were looked at before.
func (h *homes) look(root string, shards []config.Shard) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.root != root {
		h.looked = nil
	}
	h.root, h.shards, h.stale, h.fresh = root, shards, true, false
	h.start()
}

// start begins to look, unless that is under way.
func (h *homes) start() {
	if h.looking {
		return
	}
	h.looking = true
	go func() {
		for h.lookOnce() {
		}
	}()
}

// lookOnce looks once at all homes that were not looked at yet. It returns true if
// there is more to do.
func (h *homes) lookOnce() bool {
	h.mu.Lock()
	root, shards, before := h.root, h.shards, h.looked
	h.stale = false
	h.mu.Unlock()
	looked, found := map[string][]config.Denied{}, []config.Denied(nil)
	for i := range shards {
		denied, ok := before[shards[i].Hash]
		if !ok {
			denied = deniedHomes(root, shards[i].Users)
		}
		looked[shards[i].Hash] = denied
		found = append(found, denied...)
	}
	found = found[:min(len(found), config.MaxDenied)]
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.root == root {
		h.looked = looked
	}
	known := map[config.Denied]bool{}
	for _, d := range h.found {
		known[d] = true
	}
	for _, d := range found {
		if !known[d] {
			h.log.Warn("the server may not use a folder of the volume as a user needs it", "user", d.User, "folder", d.Folder,
				"mayNot", d.To, "owner", d.Owner, "group", d.Group, "mode", d.Mode, "asUser", d.AsUser, "asGroup", d.AsGroup)
		}
	}
	h.found, h.at, h.looking, h.fresh = found, time.Now(), h.stale, !h.stale
	return h.stale
}

// told is what was found, and whether it is being found out. Whoever asks has
// what was wrong looked at again.
func (h *homes) told() (found []config.Denied, looking bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.looking && len(h.found) > 0 && time.Since(h.at) > lookAgain {
		h.looked = maps.Clone(h.looked)
		maps.DeleteFunc(h.looked, func(_ string, denied []config.Denied) bool { return len(denied) > 0 })
		h.start()
	}
	return h.found, !h.fresh
}

// deniedHomes is [deniedHome] for many, but no more than [config.MaxDenied].
func deniedHomes(root string, users []config.User) (denied []config.Denied) {
	for i := range users {
		if d := deniedHome(root, &users[i]); d != nil && len(denied) < config.MaxDenied {
			denied = append(denied, *d)
		}
	}
	return denied
}

// deniedHome returns what keeps the server from using a user's home as the user
// may; nil if nothing does. It changes nothing.
func deniedHome(root string, u *config.User) *config.Denied {
	at, folder := root, "/"
	if u.Home != "." {
		for part := range strings.SplitSeq(u.Home, "/") {
			if err := access(at, unix.X_OK); err != nil {
				return denied(u, at, folder, config.FolderEnter, err)
			}
			next := filepath.Join(at, part)
			if _, err := os.Lstat(next); errors.Is(err, fs.ErrNotExist) {
				return denied(u, at, folder, config.FolderMake, access(at, unix.W_OK|unix.X_OK))
			}
			at, folder = next, path.Join(folder, part)
		}
	}
	if err := access(at, unix.X_OK); err != nil {
		return denied(u, at, folder, config.FolderEnter, err)
	}
	reads, writes := uses(u)
	if err := access(at, unix.R_OK); reads && err != nil {
		return denied(u, at, folder, config.FolderRead, err)
	}
	// A volume that is read-only for everybody is meant to be.
	if err := access(at, unix.W_OK); writes && !errors.Is(err, unix.EROFS) {
		return denied(u, at, folder, config.FolderWrite, err)
	}
	return nil
}

// uses says whether a user reads, and writes, in the home.
func uses(u *config.User) (reads, writes bool) {
	return u.Access == config.AccessReadWrite || u.Access == config.AccessReadOnly,
		u.Access == config.AccessReadWrite || u.Access == config.AccessWriteOnly
}

// access asks the volume, and not the mode, which says little about ACLs and
// about what a file server makes of the numbers of users.
func access(path string, mode uint32) error { return unix.Access(path, mode) }

// denied describes a refusal. Other errors are not about permissions, and nil.
func denied(u *config.User, at, folder string, to config.FolderUse, err error) *config.Denied {
	readOnly := errors.Is(err, unix.EROFS)
	if !readOnly && !errors.Is(err, fs.ErrPermission) {
		return nil
	}
	d := &config.Denied{User: u.Name, Folder: folder, To: to, ReadOnly: readOnly, AsUser: os.Geteuid(), AsGroup: os.Getegid()}
	if info, err := os.Lstat(at); err == nil {
		d.Mode = config.Mode(fmt.Sprintf("%04o", info.Mode().Perm()))
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			d.Owner, d.Group = int(s.Uid), int(s.Gid)
		}
	}
	return d
}
