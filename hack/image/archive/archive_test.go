package archive

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func example(t *testing.T) Image {
	t.Helper()
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"server": 0o700, "notes.txt": 0o600} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	return Image{
		Tag:          "example.com/server:dev",
		Architecture: "amd64",
		User:         "65532:65532",
		Entrypoint:   []string{"/server"},
		Labels:       map[string]string{"b": "2", "a": "1"},
		Files: []File{
			{filepath.Join(dir, "server"), "/server"},
			{filepath.Join(dir, "notes.txt"), "/usr/share/doc/notes.txt"},
		},
		Dirs: []Dir{{"/tmp", 0o777 | os.ModeSticky}},
	}
}

func write(t *testing.T, i Image) (digest string, archive []byte) {
	t.Helper()
	var out bytes.Buffer
	digest, err := i.Write(&out)
	if err != nil {
		t.Fatal(err)
	}
	return digest, out.Bytes()
}

func untar(t *testing.T, archive []byte) map[string]*bytes.Buffer {
	t.Helper()
	files := map[string]*bytes.Buffer{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = new(bytes.Buffer)
		if _, err := io.Copy(files[header.Name], r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheSameInputGivesTheSameBytes(t *testing.T) {
	first, second := example(t), example(t)
	for _, f := range second.Files {
		if err := os.Chtimes(f.Source, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	second.Files[0], second.Files[1] = second.Files[1], second.Files[0]
	digest1, archive1 := write(t, first)
	digest2, archive2 := write(t, second)
	if digest1 != digest2 || !bytes.Equal(archive1, archive2) {
		t.Errorf("%s and %s differ", digest1, digest2)
	}
}

func TestChangedContentGivesAnotherDigest(t *testing.T) {
	i := example(t)
	before, _ := write(t, i)
	if err := os.WriteFile(i.Files[0].Source, []byte("changed"), 0o700); err != nil {
		t.Fatal(err)
	}
	if after, _ := write(t, i); after == before {
		t.Error("the digest stayed")
	}
}

func TestTheArchiveIsAnOCILayout(t *testing.T) {
	i := example(t)
	digest, archive := write(t, i)
	files := untar(t, archive)

	var index v1.IndexManifest
	if err := json.Unmarshal(files["index.json"].Bytes(), &index); err != nil {
		t.Fatal(err)
	}
	entry := index.Manifests[0]
	if entry.Digest.String() != digest || entry.Annotations[containerdName] != i.Tag {
		t.Errorf("index: %+v", entry)
	}
	manifest, err := v1.ParseManifest(files["blobs/sha256/"+entry.Digest.Hex])
	if err != nil {
		t.Fatal(err)
	}
	config, err := v1.ParseConfigFile(files["blobs/sha256/"+manifest.Config.Digest.Hex])
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != i.User || config.OS != "linux" || config.Config.Entrypoint[0] != "/server" {
		t.Errorf("config: %+v", config)
	}
	if got, want := config.RootFS.DiffIDs[0], manifest.Layers[0].Digest; got != want {
		t.Errorf("layer is %s in the config, %s in the manifest", got, want)
	}
}

func TestAnImageForSeveralArchitectures(t *testing.T) {
	amd64, arm64 := example(t), example(t)
	arm64.Architecture = "arm64"
	if err := os.WriteFile(arm64.Files[0].Source, []byte("another program"), 0o700); err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	digest, err := Write(&first, amd64, arm64)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Write(&second, amd64, arm64); err != nil || again != digest || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("%s and %s differ: %v", digest, again, err)
	}
	files := untar(t, first.Bytes())
	var top, list v1.IndexManifest
	if err := json.Unmarshal(files["index.json"].Bytes(), &top); err != nil {
		t.Fatal(err)
	}
	if len(top.Manifests) != 1 || top.Manifests[0].Digest.String() != digest || top.Manifests[0].Annotations[containerdName] != amd64.Tag {
		t.Fatalf("index: %+v", top)
	}
	if err := json.Unmarshal(files["blobs/sha256/"+top.Manifests[0].Digest.Hex].Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Manifests) != 2 {
		t.Fatalf("the list is %+v", list)
	}
	for i, arch := range []string{"amd64", "arm64"} {
		m := list.Manifests[i]
		manifest, err := v1.ParseManifest(files["blobs/sha256/"+m.Digest.Hex])
		if err != nil {
			t.Fatal(err)
		}
		config, err := v1.ParseConfigFile(files["blobs/sha256/"+manifest.Config.Digest.Hex])
		if err != nil {
			t.Fatal(err)
		}
		if m.Platform.Architecture != arch || m.Platform.OS != "linux" || config.Architecture != arch {
			t.Errorf("image %d is for %+v, and says %s", i, m.Platform, config.Architecture)
		}
		if layer := files["blobs/sha256/"+manifest.Layers[0].Digest.Hex]; layer == nil {
			t.Errorf("the layer of %s is not there", arch)
		}
	}
}

func TestTheLayerHoldsFilesAndTheirFolders(t *testing.T) {
	layer, err := example(t).layer()
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]int64{}
	for r := tar.NewReader(bytes.NewReader(layer)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		modes[header.Name] = header.Mode
		if header.Uid != 0 || header.Gid != 0 || header.Uname != "" || !header.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s tells who made it or when: %+v", header.Name, header)
		}
	}
	for name, mode := range map[string]int64{
		"server": 0o755, "tmp/": 0o1777, "usr/": 0o755, "usr/share/doc/": 0o755, "usr/share/doc/notes.txt": 0o644,
	} {
		if modes[name] != mode {
			t.Errorf("%s has mode %o, want %o", name, modes[name], mode)
		}
	}
}

func TestATagNamesItsRegistry(t *testing.T) {
	for tag, ok := range map[string]bool{
		"example.com/server:dev": true, "localhost/server:1": true,
		"server:dev": false, "library/server:dev": false, "example.com/server": false, "": false,
	} {
		err := checkTag(tag)
		if (err == nil) != ok {
			t.Errorf("%q: %v", tag, err)
		}
		if err != nil && !strings.Contains(err.Error(), tag) {
			t.Errorf("%q: the error does not name it: %v", tag, err)
		}
	}
}
