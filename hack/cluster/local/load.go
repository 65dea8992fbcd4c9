package local

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// Load imports image archives on every node that lacks them.
func (c *Cluster) Load(ctx context.Context, programs map[string]string, files []string) error {
	c.programs = programs
	nodes, err := c.existingNodes()
	if err != nil {
		return err
	}
	if nodes == 0 {
		return fmt.Errorf("there is no cluster %q: cluster up --name %s", c.Name, c.Name)
	}
	c.Nodes = nodes
	group, ctx := errgroup.WithContext(ctx)
	for _, node := range c.NodeNames() {
		group.Go(func() error {
			for _, file := range files {
				if err := c.loadOn(ctx, node, file); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (c *Cluster) loadOn(ctx context.Context, node, file string) error {
	if c.hasImages(ctx, node, file) {
		return nil
	}
	if _, err := c.ctr(ctx, node, "images", "import", file); err != nil {
		return fmt.Errorf("loading %s: %w", file, err)
	}
	fmt.Fprintf(c.Out, "loaded %s on %s\n", filepath.Base(file), node)
	return nil
}

// hasImages tells whether a node has every image of an archive, by name and digest.
func (c *Cluster) hasImages(ctx context.Context, node, file string) bool {
	images, err := readIndex(file)
	if err != nil || len(images) == 0 {
		return false // not an OCI archive with names: let containerd see
	}
	list, err := c.ctr(ctx, node, "images", "ls")
	if err != nil {
		return false
	}
	present := map[string]string{}
	for _, line := range strings.Split(list, "\n") {
		if f := strings.Fields(line); len(f) > 2 {
			present[f[0]] = f[2]
		}
	}
	for name, digest := range images {
		if present[name] != digest {
			return false
		}
	}
	return true
}

// readIndex returns the names in an OCI archive with their digests.
func readIndex(file string) (map[string]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s has no index.json", file)
		}
		if err != nil {
			return nil, err
		}
		if header.Name != "index.json" {
			continue
		}
		var index v1.IndexManifest
		if err := json.NewDecoder(r).Decode(&index); err != nil {
			return nil, err
		}
		names := map[string]string{}
		for _, m := range index.Manifests {
			if name := m.Annotations["io.containerd.image.name"]; name != "" {
				names[name] = m.Digest.String()
			}
		}
		return names, nil
	}
}
