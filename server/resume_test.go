package server

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// PuTTY's psftp and curl continue an upload with SSH_FXF_WRITE alone.
func TestAnSFTPClientThatDoesNotAskToMakeTheFileContinuesWhatWasCut(t *testing.T) {
	t.Parallel()
	for _, access := range []config.Access{config.AccessReadWrite, config.AccessWriteOnly} {
		i := start(t, atomicUploads, func(i *instance) { i.users.Users[0].Access = access })
		i.binary("alice").cut("STOR f", "half?")
		s, _ := i.sftpSession()
		if access == config.AccessReadWrite {
			// To set the size of what was cut does not complete it.
			if err := s.Truncate("/f", 4); err != nil {
				t.Errorf("setting its size: %v", err)
			}
			if got := i.content("f"); got != "(open "+filepath.Join(i.config.Storage.Root, "alice", "f")+": no such file or directory)" {
				t.Errorf("setting its size has published it: %q", got)
			}
		}
		f, err := s.OpenFile("/f", os.O_WRONLY)
		if err != nil {
			t.Errorf("%s: going on: %v", access, err)
			continue
		}
		if _, err := f.Seek(4, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, " and half"); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Errorf("%s: closing: %v", access, err)
		}
		if got := i.content("f"); got != "half and half" {
			t.Errorf("%s: got %q", access, got)
		}
		if _, err := s.OpenFile("/none", os.O_WRONLY); err == nil {
			t.Errorf("%s: a file that is not there was opened", access)
		}
	}
}
