package ftp_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

func TestCOMBOfAFileWithItselfIsRefusedUnderAnyName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ts := serve(t, plain, func(s *ftp.Options) { s.Backend = onDisk(t, dir) })
	for _, name := range []string{"whole", "part"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, create := range map[string]func(string, string) error{
		"hard": os.Link,
		"soft": func(_, link string) error { return os.Symlink("whole", link) },
	} {
		if err := create(filepath.Join(dir, "whole"), filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	c := ts.login()
	c.talk(`
		> COMB "whole" "part" "hard"
		< 553 ...
		> COMB "soft" "whole"
		< 553 ...
		> COMB "whole" "part" "part"
		< 553 ...
		> COMB "new" "whole" "hard"
		< 553 ...`)
	for _, name := range []string{"whole", "part"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != name {
			t.Errorf("%s has %q, %v", name, b, err)
		}
	}
}

func TestCOMBCopiesAtTheRateOfUploadsAndCanBeAborted(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, func(s *ftp.Options) { s.Limits.UploadRate = 100 << 10 })
	ts.write("/part", string(make([]byte, 20<<10)))
	ts.write("/endless", string(make([]byte, 100<<20)))
	c := ts.login()
	began := time.Now()
	c.command(`COMB "whole" "part"`, "250 ...")
	if took := time.Since(began); took < 150*time.Millisecond {
		t.Errorf("20 KiB at 100 KiB/s took %v", took)
	}
	c.send(`COMB "more" "endless"`)
	eventually(t, "it copies", func() bool {
		for _, i := range ts.Sessions() {
			return i.Transfer != nil && i.Transfer.Bytes > 0
		}
		return false
	})
	c.send("ABOR")
	c.talk(`
		< 426 ...
		< 226 ...`)
}
