package sftp_test

import (
	"bytes"
	"strings"
	"testing"
)

func TestClientsThatRunCommandsFindTheirWay(t *testing.T) {
	t.Parallel()
	f := serve(t)
	f.put("dir/it's", "content")
	client := f.ssh()
	for command, want := range map[string]string{
		"pwd":                                   "/\n",
		"cd dir":                                "",
		"cd":                                    "",
		`echo ${ShellId}%ComSpec%`:              "%ComSpec%\n",
		`md5sum dir/it\'s`:                      "9a0364b9e99bb480dd25e1f0284c8555  dir/it's\n",
		`/usr/bin/sha1sum 'dir/../dir/it'\''s'`: "040f06fd774092478d450774f5ba30c5da78acc8  dir/../dir/it's\n",
		"md5sum":                                "9a0364b9e99bb480dd25e1f0284c8555  -\n",
		"sha256sum":                             "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73  -\n",
	} {
		s, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(command, "sum") {
			s.Stdin = strings.NewReader("content") // what does not read it may be gone before it is sent
		}
		out, err := s.Output(command)
		if err != nil || string(out) != want {
			t.Errorf("%s: %q, %v", command, out, err)
		}
	}
	for command, want := range map[string]string{
		"cd nowhere":                "cd: nowhere: No such file\r\n",
		`cd "dir/it's"`:             "cd: dir/it's: Not a directory\r\n",
		"md5sum dir":                "md5sum: dir: Is a directory\r\n",
		"md5sum ../../../etc/fstab": "md5sum: ../../../etc/fstab: No such file\r\n",
	} {
		s, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		s.Stderr = &stderr
		if err := s.Run(command); err == nil || stderr.String() != want {
			t.Errorf("%s: %q, %v", command, stderr.String(), err)
		}
	}
}
