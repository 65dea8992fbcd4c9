package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/test/objectstore"
)

// inBucket has the files in a bucket, in memory.
func inBucket(store *objectstore.Store) func(*instance) {
	return func(i *instance) {
		dir := filepath.Join(i.dir, "credentials")
		if err := os.Mkdir(dir, 0o700); err != nil {
			i.t.Fatal(err)
		}
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("key"), 0o600); err != nil {
				i.t.Fatal(err)
			}
		}
		i.config.Storage.Root = ""
		i.config.Storage.Bucket = &config.Bucket{
			Endpoint: store.URL, Name: objectstore.Bucket, Prefix: "ftp", PathStyle: true, CredentialsDir: dir, PartSize: config.MinPartSize,
		}
	}
}

func TestFTPServesFilesFromABucket(t *testing.T) {
	t.Parallel()
	store := objectstore.New(t)
	i := start(t, inBucket(store))
	c := i.login()
	data := bytes.Repeat([]byte("0123456789abcdef"), 6<<20/16)
	if err := errors.Join(c.MakeDir("/d"), c.Stor("/d/f", bytes.NewReader(data[:5<<20]))); err != nil {
		t.Fatal(err)
	}
	if err := c.Append("/d/f", bytes.NewReader(data[5<<20:])); err != nil {
		t.Fatal(err)
	}
	if got, ok := store.Get("ftp/alice/d/f"); !ok || !bytes.Equal(got, data) {
		t.Errorf("the object has %d bytes of %d", len(got), len(data))
	}
	r, err := c.RetrFrom("/d/f", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, data[1<<20:]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	when := time.Date(2021, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := c.SetTime("/d/f", when); err != nil {
		t.Error(err)
	}
	if at, err := c.GetTime("/d/f"); err != nil || !at.Equal(when) {
		t.Errorf("%v, %v", at, err)
	}
	if err := c.Rename("/d/f", "/d/g"); err != nil {
		t.Error(err)
	}
	if entries, err := c.List("/d"); err != nil || len(entries) != 1 || entries[0].Name != "g" || entries[0].Size != uint64(len(data)) {
		t.Errorf("%v, %v", entries, err)
	}
	if err := errors.Join(c.Delete("/d/g"), c.RemoveDir("/d")); err != nil {
		t.Error(err)
	}
	if keys := store.Keys(); len(keys) != 0 {
		t.Errorf("what is left: %q", keys)
	}
}

func TestAnUploadToABucketThatWasCutGoesOn(t *testing.T) {
	t.Parallel()
	store := objectstore.New(t)
	i := start(t, inBucket(store))
	c := i.user("alice")
	c.command("TYPE I", "200")
	data := c.begin("STOR f", strings.Repeat("x", 1000))
	i.eventually("the bytes have come", func() error {
		c.send("STAT")
		var status strings.Builder
		for line := ""; !strings.HasPrefix(line, "211 "); {
			var err error
			if line, err = c.in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			status.WriteString(line)
		}
		if !strings.Contains(status.String(), "1000") {
			return errors.New(status.String())
		}
		return nil
	})
	c.command("ABOR", "4")
	data.Close()
	other := i.login()
	if size, err := other.FileSize("f"); err != nil || size != 1000 {
		t.Fatalf("%d bytes are there, %v", size, err)
	}
	if _, ok := store.Get("ftp/alice/f"); ok {
		t.Error("half a file is seen")
	}
	if err := other.StorFrom("f", strings.NewReader("end"), 1000); err != nil {
		t.Fatal(err)
	}
	if got, _ := store.Get("ftp/alice/f"); string(got) != strings.Repeat("x", 1000)+"end" {
		t.Errorf("%d bytes", len(got))
	}
}

func TestSFTPServesFilesFromABucket(t *testing.T) {
	t.Parallel()
	store := objectstore.New(t)
	i := start(t, inBucket(store))
	c, _ := i.sftpSession()
	data := bytes.Repeat([]byte("0123456789abcdef"), 6<<20/16)
	f, err := c.Create("/f")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadFrom(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = c.Open("/f"); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := f.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
	f.Close()
	if err := c.Symlink("f", "/l"); err == nil {
		t.Error("a link was made")
	}
	if err := errors.Join(c.Mkdir("/d"), c.Rename("/f", "/d/f"), c.Remove("/d/f"), c.RemoveDirectory("/d")); err != nil {
		t.Error(err)
	}
	if keys := store.Keys(); len(keys) != 0 {
		t.Errorf("what is left: %q", keys)
	}
}

func TestScpAndSftpOfOpenSSHServeFilesFromABucket(t *testing.T) {
	t.Parallel()
	store := objectstore.New(t)
	i := start(t, inBucket(store), withKey)
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, bytes.Repeat([]byte("x"), 6<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for flags, to := range map[string]string{"-O": "by-scp", "-s": "by-sftp", "-Op": "by-scp-with-times", "-p": "by-sftp-with-times"} {
		if out, err := i.openSSH("scp", "", flags, name, "alice@127.0.0.1:"+to); err != nil {
			t.Errorf("scp %s: %v: %s", flags, err, out)
		}
		if got, ok := store.Get("ftp/alice/" + to); !ok || len(got) != 6<<20 {
			t.Errorf("scp %s: %d bytes", flags, len(got))
		}
	}
}

func TestADropBoxInABucketIsOne(t *testing.T) {
	t.Parallel()
	store := objectstore.New(t)
	i := start(t, inBucket(store), func(i *instance) { i.users.Users[0].Access = config.AccessWriteOnly })
	store.Put("ftp/alice/theirs", []byte("x"))
	c := i.login()
	if err := errors.Join(c.Stor("mine.part", strings.NewReader("1")), c.Stor("mine.part", strings.NewReader("2")), c.Rename("mine.part", "mine")); err != nil {
		t.Error(err)
	}
	if got, _ := store.Get("ftp/alice/mine"); string(got) != "2" {
		t.Errorf("%q: %q", got, store.Keys())
	}
	if err := c.Stor("theirs", strings.NewReader("y")); err == nil {
		t.Error("another's was replaced")
	}
	if _, err := c.Retr("mine"); err == nil {
		t.Error("a drop box was read")
	}
}

func TestWhatABucketCannotBeUsedForIsTold(t *testing.T) {
	t.Parallel()
	store := objectstore.New(t)
	store.Fail(func(_ int, call, _ string) objectstore.Fault {
		if call == "PutObject" {
			return objectstore.Denied
		}
		return objectstore.None
	})
	i := start(t, inBucket(store))
	i.eventually("the fault is told", func() error {
		var l config.Loaded
		body, err := i.get(config.PathConfig)
		if err == nil {
			err = json.Unmarshal([]byte(body), &l)
		}
		if err == nil && (l.Bucket == nil || *l.Bucket != config.BucketFault{Call: "PutObject", Code: "AccessDenied", Refused: true}) {
			err = fmt.Errorf("%+v", l.Bucket)
		}
		return err
	})
	c := i.login()
	err := c.Stor("f", strings.NewReader("x"))
	if e, ok := errors.AsType[*textproto.Error](err); !ok || e.Code != 550 {
		t.Errorf("the upload ends with %v", err)
	}
	metrics, err := i.get("/metrics")
	if err != nil || !strings.Contains(metrics, `fileserver_bucket_requests_total{call="PutObject",result="AccessDenied"}`) {
		t.Errorf("no metric of it: %v", err)
	}
}
