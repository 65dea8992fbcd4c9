package server

import (
	"io"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// An upload in the middle of which the server ends the session is not complete,
// whatever the client says afterwards.
func TestAnUploadWhoseSessionTheServerEndsIsCut(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*instance){
		"the user is removed": func(i *instance) {
			i.users.Users = nil
			i.reloadFiles()
		},
		"nothing comes for too long": func(*instance) {},
		"the server ends":            func(i *instance) { i.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := start(t, atomicUploads, func(i *instance) {
				i.config.Drain.Timeout = config.Duration(time.Second)
				i.config.Sessions.StallTimeout = config.Duration(2 * time.Second)
				i.config.Sessions.IdleTimeout = config.Duration(2 * time.Second)
			})
			i.files("by-ftp", "by-sftp")
			c := i.binary("alice")
			conn := c.begin("STOR by-ftp", "half")
			s, _ := i.sftpSession()
			f, err := s.Create("/by-sftp")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(f, "half"); err != nil {
				t.Fatal(err)
			}
			end(i)
			i.wantFailed("/by-ftp", 1)
			i.wantFailed("/by-sftp", 1)
			conn.Close()
			if err := f.Close(); err == nil {
				t.Error("over SFTP, the client is told that all is well")
			}
			for _, name := range []string{"by-ftp", "by-sftp"} {
				if got := i.content(name); got != "content" {
					t.Errorf("%s: %q", name, got)
				}
			}
		})
	}
}
