package server

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/users"
)

// shard writes a file with users, as the kubelet does, and returns its hash.
func (i *instance) shard(name string, accounts ...config.User) string {
	i.t.Helper()
	b, err := (&config.Users{Version: config.Version, Users: accounts}).Marshal()
	if err != nil {
		i.t.Fatal(err)
	}
	i.replace(name, b)
	return config.Hash(b)
}

// loads waits until a file with users is in force.
func (i *instance) loads(name, hash string) {
	i.t.Helper()
	i.eventually(name+" is in force", func() error {
		if l := i.loaded(); l.Users[name] != hash {
			return fmt.Errorf("got %+v", l)
		}
		return nil
	})
}

func TestUsersMayBeInSeveralFiles(t *testing.T) {
	t.Parallel()
	i := start(t)
	alice, bob := i.users.Users[0], user(t, "bob")
	i.loads("users-3.json", i.shard("users-3.json", bob))
	session := i.user("bob")
	i.user("alice")

	alice.Suspended = true
	i.loads("users.json", i.shard("users.json", alice))
	if i.byFTP() == nil || i.bySFTP() == nil {
		t.Error("alice, of one file, is suspended and logs in")
	}
	session.command("NOOP", "200")

	bob.Suspended = true
	i.loads("users-3.json", i.shard("users-3.json", bob))
	session.reply("421")
}

func TestAFileWithUsersThatIsBadOrGoneCostsNoOtherUser(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*instance){
		"bad":  func(i *instance) { i.replace("users-3.json", []byte("SECRET")) },
		"gone": func(i *instance) { os.Remove(filepath.Join(i.dir, "users-3.json")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := start(t)
			bob := user(t, "bob")
			good := i.shard("users-3.json", bob)
			i.loads("users-3.json", good)
			session := i.user("bob")
			spoil(i)
			i.users.Users[0].Suspended = true
			i.loads("users.json", i.shard("users.json", i.users.Users...))
			i.eventually("it is told", func() error {
				l := i.loaded()
				if len(l.LeftOut) != 1 || l.LeftOut[0].Field != "users-3.json" || l.Users["users-3.json"] != good {
					return fmt.Errorf("got %+v", l)
				}
				return nil
			})
			if i.byFTP() == nil {
				t.Error("alice, of another file, is suspended and logs in")
			}
			session.command("NOOP", "200") // what was last good stays
			bob.Suspended = true
			i.loads("users-3.json", i.shard("users-3.json", bob))
			session.reply("421")
		})
	}
}

func emptyFiles() *files { return &files{secrets: sha256.New()} }

// manyUsers are 10,000, in as many shards as the operator makes, each with a hash of
// its own length and a key.
func manyUsers(t testing.TB) [][]config.User {
	t.Helper()
	shards := make([][]config.User, 16)
	for n := range 10_000 {
		u := config.User{
			Name: fmt.Sprintf("partner-%05d", n), Access: config.AccessReadWrite, Home: fmt.Sprintf("partner-%05d", n),
			PasswordHash:   fmt.Sprintf("$6$rounds=1000$decoydecoyd%05d$bXyXBGvBrVeCNsShKVJVjCLLRBRyMVNAqMpnWAwB3HJYAfOHVN0vDcnkQyzJhE4yRj9fiAzbqhcmvjbUCPhXS0", n),
			AuthorizedKeys: []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm8AP6O9MJY0UmrPIH5Y6tDsyX9bSYsMWcJsjF1wMUr"},
		}
		shards[n%len(shards)] = append(shards[n%len(shards)], u)
	}
	return shards
}

// writeShards writes them into the folder of a configuration.
func writeShards(t testing.TB, dir string, shards [][]config.User) {
	t.Helper()
	for n, accounts := range shards {
		b, err := (&config.Users{Version: config.Version, Users: accounts}).Marshal()
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, config.UsersFileOf(n, len(shards))), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAReloadDecodesTheFileAloneThatHasChanged(t *testing.T) {
	t.Parallel()
	dir, shards := t.TempDir(), manyUsers(t)
	writeShards(t, dir, shards)
	read := func(before *files) *files {
		f := emptyFiles()
		f.config = &config.Config{UsersDir: dir}
		f.readUsers(before)
		if len(f.leftOut) > 0 || len(f.users) != len(shards) {
			t.Fatalf("of %d files are left out: %v", len(f.users), f.leftOut)
		}
		return f
	}
	first := read(emptyFiles())
	shards[5][0].Suspended = true
	writeShards(t, dir, shards)
	second := read(first)
	for path, shard := range second.users {
		same := &shard.Users[0] == &first.users[path].Users[0]
		if changed := filepath.Base(path) == "users-5.json"; same == changed {
			t.Errorf("%s: it is decoded again: %t", path, !same)
		}
	}
	if !second.users[filepath.Join(dir, "users-5.json")].Users[0].Suspended {
		t.Error("the change is not read")
	}
}

// BenchmarkReload loads one changed shard of 10,000 users.
func BenchmarkReload(b *testing.B) {
	dir, shards := b.TempDir(), manyUsers(b)
	writeShards(b, dir, shards)
	f := emptyFiles()
	f.config = &config.Config{UsersDir: dir}
	f.readUsers(emptyFiles())
	d := users.NewDirectory(0)
	d.Set(f.shards(), config.Sessions{})
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		shards[5][0].Suspended = n%2 == 0
		writeShards(b, dir, shards)
		b.StartTimer()
		next := emptyFiles()
		next.config = f.config
		next.readUsers(f)
		d.Set(next.shards(), config.Sessions{})
		f = next
	}
}

// The limit of a pod's memory is 512 MiB by default, of which the users are to leave
// most to sessions.
func TestTenThousandUsersTakeLittleMemory(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, manyUsers(t))
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	f := emptyFiles()
	f.config = &config.Config{UsersDir: dir}
	f.readUsers(emptyFiles())
	d := users.NewDirectory(0)
	if left := d.Set(f.shards(), config.Sessions{}); len(left) > 0 || d.Len() != 10_000 {
		t.Fatalf("there are %d users, and left out are %d entries", d.Len(), len(left))
	}
	took := heap() - before
	t.Logf("10,000 users take %.1f MiB", float64(took)/(1<<20))
	if took > 48<<20 {
		t.Errorf("they take %d bytes", took)
	}
	runtime.KeepAlive(f)
	runtime.KeepAlive(d)
}
