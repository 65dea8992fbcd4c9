package local

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/hack/image/archive"
)

// pauseImage is the image of pod sandboxes.
const pauseImage = "fileserver.dev/pause:1"

// An ownImage is one that the cluster itself needs. Nothing is ever pulled: it is loaded like every other.
type ownImage struct {
	tag, program, archive string
}

// images lists them. That of CoreDNS is tagged with the key of its build, so that a new one replaces it.
func (c *Cluster) images() []ownImage {
	return []ownImage{
		{pauseImage, filepath.Join(c.programs["pause"], "pause"), c.state("pause.tar")},
		{c.dnsImage(), filepath.Join(c.programs["coredns"], "coredns"), c.state("coredns.tar")},
	}
}

func (c *Cluster) dnsImage() string {
	key := filepath.Base(c.programs["coredns"])
	return "fileserver.dev/coredns:" + strings.TrimPrefix(key, "coredns-")
}

// writeImages writes the archives, unless they are there.
func (c *Cluster) writeImages() error {
	for _, i := range c.images() {
		if names, err := readIndex(i.archive); err == nil && names[i.tag] != "" {
			continue
		}
		file, err := os.Create(i.archive)
		if err != nil {
			return err
		}
		image := archive.Image{
			Tag:          i.tag,
			Architecture: runtime.GOARCH,
			User:         "65532:65532",
			Entrypoint:   []string{"/" + filepath.Base(i.program)},
			Files:        []archive.File{{Source: i.program, Dest: "/" + filepath.Base(i.program)}},
		}
		_, err = image.Write(file)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}
