package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// hotStorage are the tests of what is hot about files, and who may use them.
var hotStorage = map[string]func(t *testing.T){
	"storage.atomicUploads": func(t *testing.T) {
		i := start(t)
		c := i.user("alice")
		s, _ := i.sftpSession()
		for n, atomic := range []bool{true, false} {
			i.config.Storage.AtomicUploads = atomic
			i.reloadFiles()
			name := strconv.Itoa(n)
			data := c.begin("STOR ftp"+name, "half")
			f, err := s.Create("sftp" + name)
			if err == nil {
				_, err = f.Write([]byte("half"))
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, protocol := range []string{"ftp", "sftp"} {
				i.eventually(protocol, func() error {
					_, err := os.Stat(filepath.Join(i.config.Storage.Root, "alice", protocol+name))
					if (err == nil) == atomic {
						return fmt.Errorf("atomic is %t, and half an upload is seen: %t", atomic, err == nil)
					}
					return nil
				})
			}
			f.Close()
			data.Close()
			c.reply("226")
		}
	},
	"storage.keepIncomplete": func(t *testing.T) {
		i := start(t, func(i *instance) { i.config.Storage.AtomicUploads = true })
		hidden := func() (n int) {
			entries, err := os.ReadDir(filepath.Join(i.config.Storage.Root, "alice"))
			if err != nil {
				t.Fatal(err)
			}
			return len(entries)
		}
		c := i.user("alice")
		c.cut("STOR f", "half")
		i.eventually("what was cut is kept", func() error {
			if hidden() == 0 {
				return errors.New("it is gone")
			}
			return nil
		})
		i.config.Storage.KeepIncomplete = 1
		i.reloadFiles()
		i.eventually("it is removed when the folder is listed", func() error {
			i.user("alice").listAll()
			if n := hidden(); n > 0 {
				return fmt.Errorf("there are %d", n)
			}
			return nil
		})
	},
	"storage.umask":      modes,
	"storage.fileMode":   modes,
	"storage.folderMode": modes,
	"usersDir": func(t *testing.T) {
		i := start(t)
		others := config.Users{Version: config.Version, Users: []config.User{user(t, "bob")}}
		b, err := others.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		i.config.UsersDir = filepath.Join(i.dir, "others")
		if err := os.Mkdir(i.config.UsersDir, 0o755); err != nil {
			t.Fatal(err)
		}
		i.replace("others/users-1.json", b)
		i.write()
		i.eventually("the files of another folder count", func() error {
			if l := i.loaded(); len(l.Users) != 1 || l.Users["users-1.json"] != config.Hash(b) {
				return fmt.Errorf("got %+v", l)
			}
			return nil
		})
		i.user("bob")
		if i.bySFTP() == nil || i.byFTP() == nil || i.byFTPS() == nil {
			t.Error("alice, who was in the old folder, logs in")
		}
	},
}
