// Package archive writes container images as OCI archives, which containerd and Docker load, without a
// daemon or a registry. The same input gives the same bytes: no times, no owners, no order of a folder.
package archive

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// An Image describes what goes into an archive.
type Image struct {
	Tag          string // with a registry's name, such as example.com/fileserver:dev
	Architecture string // as in GOARCH
	User         string // UID:GID
	Entrypoint   []string
	WorkingDir   string
	Env          []string
	Labels       map[string]string
	Files        []File
	Dirs         []Dir
}

// A File is copied into the image, owned by root; a folder is copied with all below it. It is executable
// in the image if it is here.
type File struct{ Source, Dest string }

// A Dir is made in the image.
type Dir struct {
	Path string
	Mode fs.FileMode // os.ModeSticky counts
}

// Annotations by which containerd names what it imports. The first holds the whole reference; without
// it, a reference with a registry is taken for a bare tag.
const (
	containerdName = "io.containerd.image.name"
	ociRefName     = "org.opencontainers.image.ref.name"
)

// Write writes the archive and returns the digest of the image's manifest.
func (i Image) Write(w io.Writer) (digest string, err error) { return Write(w, i) }

// Write writes an archive of one image, or of one for several architectures: then of an
// index, from which everybody takes what fits the machine. They have the same tag. It
// returns the digest by which that is pulled.
func Write(w io.Writer, images ...Image) (digest string, err error) {
	var top v1.Descriptor
	var index v1.IndexManifest
	var blobs [][]byte
	for _, i := range images {
		if err := checkTag(i.Tag); err != nil {
			return "", err
		}
		layer, err := i.layer()
		if err != nil {
			return "", err
		}
		img, err := i.assemble(layer)
		if err != nil {
			return "", err
		}
		manifest, manifestErr := img.RawManifest()
		config, configErr := img.RawConfigFile()
		if err := errors.Join(manifestErr, configErr); err != nil {
			return "", err
		}
		blobs = append(blobs, manifest, config, layer)
		if top, err = describe(types.OCIManifestSchema1, manifest); err != nil {
			return "", err
		}
		platform := top
		platform.Platform = &v1.Platform{OS: "linux", Architecture: i.Architecture}
		index.Manifests = append(index.Manifests, platform)
	}
	if len(images) > 1 {
		index.SchemaVersion, index.MediaType = 2, types.OCIImageIndex
		list, err := json.Marshal(index)
		if err != nil {
			return "", err
		}
		blobs = append(blobs, list)
		if top, err = describe(types.OCIImageIndex, list); err != nil {
			return "", err
		}
	}
	tag := images[0].Tag
	top.Annotations = map[string]string{containerdName: tag, ociRefName: tag}
	return top.Digest.String(), writeOCI(w, top, blobs)
}

func describe(media types.MediaType, blob []byte) (v1.Descriptor, error) {
	digest, size, err := v1.SHA256(bytes.NewReader(blob))
	return v1.Descriptor{MediaType: media, Size: size, Digest: digest}, err
}

// checkTag wants the reference that a pod would name, in full: a short one means another registry to
// each program that completes it.
func checkTag(tag string) error {
	ref, err := name.NewTag(tag, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("image tag %q: %w", tag, err)
	}
	if !strings.HasPrefix(tag, ref.RegistryStr()+"/") {
		return fmt.Errorf("image tag %q: write it with a registry's name, such as example.com/%s", tag, tag)
	}
	return nil
}

func (i Image) assemble(layer []byte) (v1.Image, error) {
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, types.OCIConfigJSON)
	// Not compressed: it is read on this machine only, and a compressor's next version would change the digest.
	img, err := mutate.Append(img, mutate.Addendum{
		Layer:   static.NewLayer(layer, types.OCIUncompressedLayer),
		History: v1.History{CreatedBy: "hack/image"},
	})
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", i.Architecture
	config.Config = v1.Config{
		User:       i.User,
		Entrypoint: i.Entrypoint,
		WorkingDir: i.WorkingDir,
		Env:        i.Env,
		Labels:     i.Labels,
	}
	return mutate.ConfigFile(img, config)
}

// writeOCI writes an OCI layout with all blobs, and top as what it is about.
func writeOCI(w io.Writer, top v1.Descriptor, blobs [][]byte) error {
	index, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{top}})
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	put := func(name string, data []byte) {
		err = errors.Join(err, t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}))
		_, writeErr := t.Write(data)
		err = errors.Join(err, writeErr)
	}
	put("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	put("index.json", index)
	for _, blob := range blobs {
		hash, _, hashErr := v1.SHA256(bytes.NewReader(blob))
		err = errors.Join(err, hashErr)
		put("blobs/sha256/"+hash.Hex, blob)
	}
	return errors.Join(err, t.Close())
}

// layer is the image's one layer as a tar file.
func (i Image) layer() ([]byte, error) {
	entries := map[string]entry{}
	for _, d := range i.Dirs {
		entries[clean(d.Path)] = entry{dir: true, mode: tarMode(d.Mode)}
	}
	for _, f := range i.Files {
		if err := f.collect(entries); err != nil {
			return nil, err
		}
	}
	for p := range entries {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if _, there := entries[dir]; !there {
				entries[dir] = entry{dir: true, mode: 0o755}
			}
		}
	}
	delete(entries, ".")

	var out bytes.Buffer
	t := tar.NewWriter(&out)
	names := make([]string, 0, len(entries))
	for p := range entries {
		names = append(names, p)
	}
	slices.Sort(names) // a folder comes before what is in it
	for _, p := range names {
		if err := entries[p].write(t, p); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), t.Close()
}

type entry struct {
	dir    bool
	mode   int64
	source string
}

func (e entry) write(t *tar.Writer, p string) error {
	if e.dir {
		return t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: p + "/", Mode: e.mode})
	}
	data, err := os.ReadFile(e.source)
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: p, Mode: e.mode, Size: int64(len(data))}); err != nil {
		return err
	}
	_, err = t.Write(data)
	return err
}

func (f File) collect(entries map[string]entry) error {
	return filepath.WalkDir(f.Source, func(source string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(f.Source, source)
		if err != nil {
			return err
		}
		dest := clean(path.Join(f.Dest, filepath.ToSlash(below)))
		info, err := os.Stat(source)
		if err != nil {
			return err
		}
		switch {
		case info.IsDir():
			entries[dest] = entry{dir: true, mode: 0o755}
		case info.Mode().IsRegular():
			mode := int64(0o644)
			if info.Mode()&0o111 != 0 {
				mode = 0o755
			}
			entries[dest] = entry{source: source, mode: mode}
		default:
			return fmt.Errorf("%s is neither a file nor a folder", source)
		}
		return nil
	})
}

func clean(p string) string {
	if p = strings.TrimPrefix(path.Clean("/"+p), "/"); p == "" {
		return "."
	}
	return p
}

func tarMode(m fs.FileMode) int64 {
	mode := int64(m.Perm())
	if m&os.ModeSticky != 0 {
		mode |= 0o1000
	}
	return mode
}
