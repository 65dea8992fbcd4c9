package accounts

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/fileserver-dev/fileserver-operator/server/check"
)

var update = flag.Bool("update", false, "write the goldens")

type reader func(Options) (Found, error)

// dumps are those in testdata, each with what belongs to it.
var dumps = map[string]struct {
	read reader
	file string
	Options
}{
	"passwd":        {Passwd, "unix/passwd", Options{Beside: file("unix/shadow"), MinUID: 1000, Homes: []string{"/home"}, Keys: "testdata/unix/keys/%u"}},
	"shadow":        {Shadow, "unix/shadow", Options{Beside: file("unix/passwd"), MinUID: 1000, Homes: []string{"/home", "/srv/ftp"}}},
	"shadow alone":  {Shadow, "unix/shadow", Options{}},
	"passwd alone":  {Passwd, "unix/passwd", Options{MinUID: 1000, Homes: []string{"/home"}, Encoding: "latin1", NewPasswords: true}},
	"pureftpd":      {PureFTPd, "pureftpd/pureftpd.passwd", Options{Homes: []string{"/home/ftpusers"}}},
	"proftpd":       {ProFTPD, "proftpd/ftpd.passwd", Options{Homes: []string{"/srv/ftp"}}},
	"vsftpd":        {VSFTPd, "vsftpd/pwdfile", Options{Homes: []string{"/srv/ftp"}, Config: file("vsftpd/vsftpd.conf"), UserConfig: "testdata/vsftpd/users"}},
	"vsftpd, plain": {VSFTPd, "vsftpd/virtual.txt", Options{}},
	"atmoz":         {Atmoz, "atmoz/users.conf", Options{Homes: []string{"/home"}}},
	"sftpgo":        {SFTPGo, "sftpgo/dump.json", Options{Homes: []string{"/srv/sftpgo/data"}}},
	"aws":           {AWS, "aws/users.json", Options{}},
}

func file(name string) []byte {
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		panic(err)
	}
	return text
}

func TestDumpsBecomeUsersAndNotes(t *testing.T) {
	t.Parallel()
	for name, d := range dumps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d.Text = file(d.file)
			found, err := d.read(d.Options)
			if err != nil {
				t.Fatal(err)
			}
			var users, notes bytes.Buffer
			printer := &printers.YAMLPrinter{}
			for _, object := range found.Objects("partners", "") {
				if err := printer.PrintObj(object, &users); err != nil {
					t.Fatal(err)
				}
			}
			if err := WriteNotes(&notes, found.Notes); err != nil {
				t.Fatal(err)
			}
			base := strings.NewReplacer(" ", "-", ",", "").Replace(name)
			golden(t, base+".yaml", users.String())
			golden(t, base+".txt", notes.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; `go test -update` writes it", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

// Wherever a dump is cut, each line is an account or a note, and no account is there
// that the whole dump has not, but for the one in which the cut is.
func TestEachLineOfADumpIsAccountedForWhereverItIsCut(t *testing.T) {
	t.Parallel()
	for name, d := range dumps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := file(d.file)
			for n := range len(whole) + 1 {
				d.Text = whole[:n]
				found, err := d.read(d.Options)
				if err != nil {
					if d.file == "sftpgo/dump.json" && n == 0 {
						continue // nothing at all is no dump
					}
					t.Fatalf("the first %d bytes: %v", n, err)
				}
				accountedFor(t, name, string(d.Text), found)
			}
		})
	}
}

func accountedFor(t *testing.T, name, text string, found Found) {
	t.Helper()
	seen := map[int]bool{}
	for _, a := range found.Accounts {
		seen[a.Line] = true
	}
	for _, n := range found.Notes {
		seen[n.Line] = true
	}
	switch name {
	case "sftpgo", "aws": // a value may have many lines
		if open := strings.TrimSpace(text); open != "" && !seen[0] && !strings.HasSuffix(open, "}") && !strings.HasSuffix(open, "]") {
			t.Fatalf("nothing says that the dump is cut after %q", open[max(0, len(open)-40):])
		}
		return
	case "vsftpd, plain": // an account has two lines
		for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			if text != "" && i%2 == 0 && !seen[i+1] {
				t.Fatalf("line %d of %d bytes is lost: %q", i+1, len(text), line)
			}
		}
		return
	}
	for _, line := range lines(text) {
		if !seen[line.number] {
			t.Fatalf("line %d of %d bytes is lost: %q", line.number, len(text), line.text)
		}
	}
}

func TestPasswordsThatDebiansToolsHaveHashedLogIn(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"passwd":   {"alice", "bob", "frank"},
		"pureftpd": {"carol"}, // the hashes of the others take twice as long
		"proftpd":  {"alice", "bob", "carol", "dave"},
		"vsftpd":   {"alice", "bob"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := dumps[name]
			d.Text = file(d.file)
			found, err := d.read(d.Options)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range found.Accounts {
				hash, err := check.ParseHash(a.Password)
				if err != nil || name == "pureftpd" && !slices.Contains(want, a.Name) {
					continue
				}
				if hash.Match("correct horse") {
					got = append(got, a.Name)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("the password is that of %q, and not of %q", got, want)
			}
		})
	}
}

func TestHashesOfSFTPGoAreWrittenAsTheServerKnowsThem(t *testing.T) {
	t.Parallel()
	for name, hash := range map[string]string{
		"a salt as it is":  "$pbkdf2-sha256$150000$E86a9YMX3zC7$R5J62hsSq+pYw00hLLPKBbcGXmq7fj5+/M0IFoYtZbo=",
		"a salt in base64": "$pbkdf2-b64salt-sha256$150000$RTg2YTlZTVgzekM3$R5J62hsSq+pYw00hLLPKBbcGXmq7fj5+/M0IFoYtZbo=",
	} {
		h, err := check.ParseHash(portable(hash))
		if err != nil || !h.Match("password") || h.Match("another") {
			t.Errorf("%s: %q is no hash of the password: %v", name, portable(hash), err)
		}
	}
}

func TestNoNoteHoldsAPasswordOrAHash(t *testing.T) {
	t.Parallel()
	for name, d := range dumps {
		whole := file(d.file)
		for n := range len(whole) + 1 {
			d.Text = whole[:n]
			found, err := d.read(d.Options)
			if err != nil {
				continue
			}
			var notes bytes.Buffer
			_ = WriteNotes(&notes, found.Notes)
			for _, secret := range []string{"correct horse", "$6$salt", "GkzgkzV", "$argon2id", "$pbkdf2", "T/3tpJ", "R5J62"} {
				if strings.Contains(notes.String(), secret) {
					t.Fatalf("%s, its first %d bytes: a note holds %q:\n%s", name, n, secret, &notes)
				}
			}
		}
	}
}

func FuzzNothingPanics(f *testing.F) {
	for _, d := range dumps {
		f.Add(file(d.file))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, d := range dumps {
			d.Text, d.Keys, d.UserConfig = text, "", ""
			found, err := d.read(d.Options)
			if err != nil {
				continue
			}
			objects := map[string]bool{}
			for _, o := range found.Objects("partners", "") {
				key := o.GetObjectKind().GroupVersionKind().Kind + "/" + nameOf(o)
				if objects[key] {
					t.Errorf("%s: %s occurs twice", name, key)
				}
				objects[key] = true
			}
		}
	})
}
