package accounts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

const sha512 = "$6$saltsaltsaltsalt$GkzgkzVbauGAKXpOTbypQEKy/9yJWVjcvXvDw7CxoJjnJ1.w.g1rV8bhCVTpHrRrO/h6b3DAwPN3y5qmHXZ1R1"

func nameOf(o runtime.Object) string {
	m, err := meta.Accessor(o)
	if err != nil {
		panic(err)
	}
	return m.GetName()
}

func TestARestrictionThatCannotBeSaidSuspendsTheAccount(t *testing.T) {
	t.Parallel()
	pure := func(from15 string) string { return "u:" + sha512 + ":1:1::/home/u/./::::::::::" + from15 }
	sftpgo := func(filters string) string {
		return `{"users": [{"username": "u", "password": "` + sha512 + `", "permissions": {"/": ["*"]}, "filters": ` + filters + `}]}`
	}
	for name, c := range map[string]struct {
		read      reader
		text      string
		suspended bool
	}{
		"none, of Pure-FTPd":                 {PureFTPd, pure("::"), false},
		"sources":                            {PureFTPd, pure("192.0.2.1::"), false},
		"some sources that are none":         {PureFTPd, pure("192.0.2.1,a.example.com::"), false},
		"only sources that are none":         {PureFTPd, pure("a.example.com::"), true},
		"sources that are refused":           {PureFTPd, pure(":192.0.2.1:"), true},
		"hours":                              {PureFTPd, pure("::0900-1700"), true},
		"none, of SFTPGo":                    {SFTPGo, sftpgo(`{"tls_username": "None"}`), false},
		"a second factor":                    {SFTPGo, sftpgo(`{"totp_config": {"enabled": true}}`), true},
		"times of access":                    {SFTPGo, sftpgo(`{"access_time": [{"day_of_week": 1}]}`), true},
		"patterns of files":                  {SFTPGo, sftpgo(`{"file_patterns": [{"path": "/"}]}`), true},
		"a way to log in that is not known":  {SFTPGo, sftpgo(`{"denied_login_methods": ["telepathy"]}`), true},
		"protocols":                          {SFTPGo, sftpgo(`{"denied_protocols": ["FTP"]}`), false},
		"a locked password":                  {Shadow, "u:!" + sha512 + ":1:0:99999:7:::", true},
		"an end that is no day":              {Shadow, "u:" + sha512 + ":1:0:99999:7::soon:", true},
		"folders of AWS that are the bucket": {AWS, `{"User": {"UserName": "u", "HomeDirectory": "/bucket", "SshPublicKeys": [{"SshPublicKeyBody": "` + fixture.NewSSHKey().Authorized + `"}]}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := c.read(Options{Text: []byte(c.text), Homes: []string{"/home"}})
			if err != nil || len(found.Accounts) != 1 {
				t.Fatalf("%d accounts, %v, notes %+v", len(found.Accounts), err, found.Notes)
			}
			if got := found.Accounts[0].Spec.State == v1alpha1.UserSuspended; got != c.suspended {
				t.Errorf("suspended: %t, notes %+v", got, found.Notes)
			}
		})
	}
}

// Whoever could not change a file before cannot here.
func TestPermissionsOfSFTPGoNeverBecomeWider(t *testing.T) {
	t.Parallel()
	for permissions, want := range map[string]v1alpha1.PathAccess{
		"*":             "ReadWrite",
		"list,download": "ReadOnly",
		"list,download,upload,overwrite,delete,rename,create_dirs":                                       "ReadWrite",
		"list,download,upload,overwrite,delete_files,delete_dirs,rename_files,rename_dirs,create_dirs":   "ReadWrite",
		"list,download,upload,overwrite,delete_files,rename_files,rename_dirs,create_dirs,chmod,chtimes": "ReadOnly",
		"list,download,upload":    "ReadOnly",
		"upload,create_dirs":      "WriteOnly",
		"upload,create_dirs,list": "WriteOnly",
		"upload":                  "None",
		"list":                    "None",
		"":                        "None",
	} {
		if got, _ := sftpgoAccess(strings.Split(permissions, ",")); got != want {
			t.Errorf("%s becomes %s, and not %s", permissions, got, want)
		}
	}
}

func TestNamesOfObjectsAreThoseOfKubernetesAndDiffer(t *testing.T) {
	t.Parallel()
	taken := map[string]bool{}
	for _, user := range []string{"alice", "Alice", "ALICE", "a.b@example.com", "a-b-example-com", "-", "..-", "mär", strings.Repeat("x", 200), strings.Repeat("x", 201), "0"} {
		before := len(taken)
		name := objectName(user, taken)
		if errs := validation.IsDNS1123Label(name); len(errs) > 0 || len(taken) != before+1 {
			t.Errorf("%q becomes %q: %v", user, name, errs)
		}
	}
}

func TestDumpsInOtherEncodings(t *testing.T) {
	t.Parallel()
	line := "m\xfcller:" + sha512
	for name, c := range map[string]struct {
		text, encoding, want string
	}{
		"Latin-1":               {line, "latin1", "müller"},
		"Latin-1, but not said": {line, "", ""},
		"UTF-8 with its mark":   {"\xef\xbb\xbfmüller:" + sha512 + "\r\n", "", "müller"},
		"UTF-16 with its mark":  {utf16("müller:" + sha512), "", "müller"},
	} {
		found, err := VSFTPd(Options{Text: []byte(c.text), Encoding: c.encoding})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, a := range found.Accounts {
			got += a.Name
		}
		if got != c.want || got == "" && (len(found.Notes) != 1 || found.Notes[0].Outcome != LeftOut) {
			t.Errorf("%s: got %q, notes %+v", name, got, found.Notes)
		}
	}
	if _, err := VSFTPd(Options{Text: []byte(line), Encoding: "klingon"}); err == nil {
		t.Error("an encoding that is not known is taken")
	}
}

func utf16(s string) string {
	var b strings.Builder
	b.WriteString("\xff\xfe")
	for _, r := range s {
		b.WriteByte(byte(r))
		b.WriteByte(byte(r >> 8))
	}
	return b.String()
}

func TestHostKeysThatCanBeUsedComeAlong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := fixture.NewSSHKey()
	for name, text := range map[string]string{
		"ssh_host_ed25519_key": string(key.PEM), "ssh_host_ed25519_key.pub": key.Authorized, "sshd_config": "Port 22\n",
		"ssh_host_dsa_key": "-----BEGIN DSA PRIVATE KEY-----\n", "moduli": strings.Repeat("x", 70<<10),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	secret, notes, err := HostKeys(dir, "keys", "files")
	if err != nil || len(secret.StringData) != 1 || secret.StringData["ssh_host_ed25519_key"] != string(key.PEM) || len(notes) != 4 {
		t.Errorf("got %v, notes %+v", err, notes)
	}
	if _, _, err := HostKeys(t.TempDir(), "keys", ""); err == nil {
		t.Error("a folder without keys is taken")
	}
}
