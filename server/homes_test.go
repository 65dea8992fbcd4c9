package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// somebody is a user to whom the folders of these tests do not belong.
const somebody = 65532

// asSomebody runs f in a thread of its own as a user without rights. The thread
// ends with it.
func asSomebody(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	done := make(chan syscall.Errno)
	go func() {
		runtime.LockOSThread() // and never unlocked
		for _, call := range []uintptr{syscall.SYS_SETRESGID, syscall.SYS_SETRESUID} {
			if _, _, err := syscall.RawSyscall(call, somebody, somebody, somebody); err != 0 {
				done <- err
				return
			}
		}
		f()
		done <- 0
	}()
	if err := <-done; err != 0 {
		t.Fatal(err)
	}
}

// folders makes folders of user 1000 on a volume, each with a mode.
func folders(t *testing.T, modes map[string]os.FileMode) string {
	t.Helper()
	root := t.TempDir()
	for dir := root; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name := range modes {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range modes {
		path := filepath.Join(root, name)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, 1000, 1001); err != nil && os.Getuid() == 0 {
			t.Fatal(err)
		}
	}
	return root
}

func TestAHomeThatBelongsToSomebodyElseIsDescribed(t *testing.T) {
	root := folders(t, map[string]os.FileMode{
		"": 0o755, "mine": 0o777, "readable": 0o755, "closed": 0o700, "closed/inner": 0o777, "blind": 0o711, "drop": 0o733,
	})
	at := func(folder string, to config.FolderUse, mode config.Mode) *config.Denied {
		return &config.Denied{User: "acme", Folder: folder, To: to, Owner: 1000, Group: 1001, Mode: mode, AsUser: 0, AsGroup: 0}
	}
	for name, tc := range map[string]struct {
		home   string
		access config.Access
		want   *config.Denied
	}{
		"a home that is to be made in a folder of somebody else": {"new", config.AccessReadWrite, at("/", config.FolderMake, "0755")},
		"a home that is to be made in an open folder":            {"mine/new", config.AccessReadWrite, nil},
		"a home that can be written":                             {"mine", config.AccessReadWrite, nil},
		"a home that can be read alone":                          {"readable", config.AccessReadWrite, at("/readable", config.FolderWrite, "0755")},
		"the same for who only reads":                            {"readable", config.AccessReadOnly, nil},
		"a home that cannot be entered":                          {"closed", config.AccessReadOnly, at("/closed", config.FolderEnter, "0700")},
		"a home below a folder that cannot be entered":           {"closed/inner", config.AccessReadWrite, at("/closed", config.FolderEnter, "0700")},
		"a home that cannot be listed":                           {"blind", config.AccessReadOnly, at("/blind", config.FolderRead, "0711")},
		"a drop box that cannot be listed":                       {"drop", config.AccessWriteOnly, nil},
		"the whole volume":                                       {".", config.AccessReadWrite, at("/", config.FolderWrite, "0755")},
	} {
		t.Run(name, func(t *testing.T) {
			var got *config.Denied
			asSomebody(t, func() { got = deniedHome(root, &config.User{Name: "acme", Home: tc.home, Access: tc.access}) })
			if got != nil {
				got.AsUser, got.AsGroup = 0, 0 // those of the process
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestWhatWasDeniedIsLookedAtAgainWhenSomebodyAsks(t *testing.T) {
	h := &homes{log: slog.New(slog.DiscardHandler)}
	h.look(t.TempDir(), []config.Shard{{Hash: "of the users", Users: []config.User{{Name: "acme", Home: "acme", Access: config.AccessReadWrite}}}})
	wait := func(is func([]config.Denied, bool) bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
			if found, looking := h.told(); is(found, looking) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("it is never found out")
			}
		}
	}
	wait(func(_ []config.Denied, looking bool) bool { return !looking })
	h.mu.Lock()
	h.found, h.at = []config.Denied{{User: "acme", Folder: "/"}}, time.Now().Add(-time.Hour)
	h.looked = map[string][]config.Denied{"of the users": h.found}
	h.mu.Unlock()
	wait(func(found []config.Denied, _ bool) bool { return len(found) == 0 })
}
