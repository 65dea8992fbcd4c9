// Command image writes a container image as an OCI archive, without Docker.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fileserver-dev/fileserver-operator/hack/image/archive"
)

func main() {
	if err := command().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var (
		image             archive.Image
		out               string
		architectures     []string
		files, dirs, tags []string
	)
	cmd := &cobra.Command{
		Use:   "image --out FILE.tar --tag NAME:TAG --entrypoint PROGRAM --file SOURCE=DEST...",
		Short: "Write a container image as an OCI archive, without Docker",
		Long: "Write a container image as an OCI archive, without Docker, and print its digest.\n" +
			"The same input gives the same digest.",
		Example:       "  image --out server.tar --tag example.com/server:dev --user 65532:65532 --entrypoint /server --file bin/server=/server --dir /tmp:1777",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(*cobra.Command, []string) error {
			image.Labels = map[string]string{}
			for _, l := range tags {
				key, value, ok := strings.Cut(l, "=")
				if !ok {
					return fmt.Errorf("--label %s: write it as KEY=VALUE", l)
				}
				image.Labels[key] = value
			}
			for _, f := range files {
				source, dest, ok := strings.Cut(f, "=")
				if !ok {
					return fmt.Errorf("--file %s: write it as SOURCE=DEST", f)
				}
				image.Files = append(image.Files, archive.File{Source: source, Dest: dest})
			}
			for _, d := range dirs {
				dir, err := parseDir(d)
				if err != nil {
					return err
				}
				image.Dirs = append(image.Dirs, dir)
			}
			digest, err := write(forEach(architectures, image), out)
			if err != nil {
				return err
			}
			fmt.Printf("%s@%s\n", image.Tag, digest)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&out, "out", "", "archive to write")
	flags.StringVar(&image.Tag, "tag", "", "the image's name and tag, with a registry's name")
	flags.StringSliceVar(&architectures, "arch", []string{runtime.GOARCH}, "processor architectures, with commas between them; of several an index is made")
	flags.StringVar(&image.User, "user", "65532:65532", "UID:GID that it runs as")
	flags.StringArrayVar(&image.Entrypoint, "entrypoint", nil, "the program to run; repeat it for arguments")
	flags.StringVar(&image.WorkingDir, "workdir", "/", "working directory")
	flags.StringArrayVar(&image.Env, "env", nil, "KEY=VALUE (repeatable)")
	flags.StringArrayVar(&tags, "label", nil, "KEY=VALUE (repeatable)")
	flags.StringArrayVar(&files, "file", nil, "SOURCE=DEST, a file or a folder (repeatable); {arch} in SOURCE stands for the architecture")
	flags.StringArrayVar(&dirs, "dir", nil, "an empty folder, PATH or PATH:MODE, such as /tmp:1777 (repeatable)")
	for _, required := range []string{"out", "tag", "entrypoint"} {
		if err := cmd.MarkFlagRequired(required); err != nil {
			panic(err)
		}
	}
	return cmd
}

// forEach is the image for each of the architectures.
func forEach(architectures []string, image archive.Image) (images []archive.Image) {
	for _, arch := range architectures {
		i := image
		i.Architecture, i.Files = arch, nil
		for _, f := range image.Files {
			i.Files = append(i.Files, archive.File{Source: strings.ReplaceAll(f.Source, "{arch}", arch), Dest: f.Dest})
		}
		images = append(images, i)
	}
	return images
}

func parseDir(s string) (archive.Dir, error) {
	path, mode, given := strings.Cut(s, ":")
	dir := archive.Dir{Path: path, Mode: 0o755}
	if given {
		bits, err := strconv.ParseUint(mode, 8, 12)
		if err != nil {
			return dir, fmt.Errorf("--dir %s: the mode is an octal number, such as 1777", s)
		}
		dir.Mode = os.FileMode(bits & 0o777)
		if bits&0o1000 != 0 {
			dir.Mode |= os.ModeSticky
		}
	}
	return dir, nil
}

// write puts the archive in place by a rename, so that nobody loads half of it.
func write(images []archive.Image, out string) (string, error) {
	file, err := os.CreateTemp(filepath.Dir(out), filepath.Base(out)+".*")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	digest, err := archive.Write(file, images...)
	if err := errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return "", err
	}
	return digest, os.Rename(file.Name(), out)
}
