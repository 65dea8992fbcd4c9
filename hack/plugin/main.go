// Command plugin packs the plug-in of kubectl for each platform, and writes the
// manifest by which krew installs it.
package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// A platform is one for which the plug-in is built.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "_" + p.arch }

var platforms = []platform{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}}

const (
	program = "kubectl-fileserver"
	license = "LICENSE"
)

// archive is the name of a platform's.
func archive(p platform) string { return program + "_" + p.String() + ".tar.gz" }

func main() {
	out := flag.String("out", "dist", "folder for archives and manifest")
	version := flag.String("version", "v0.0.0-dev", "version, as krew wants it: v and three numbers")
	from := flag.String("from", "https://github.com/fileserver-dev/fileserver-operator/releases/download", "where the archives will be")
	flag.Parse()
	if err := run(*out, *version, *from); err != nil {
		fmt.Fprintln(os.Stderr, "plugin:", err)
		os.Exit(1)
	}
}

// run builds all; it is to be run in the root of the repository.
func run(out, version, from string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	sums := map[platform]string{}
	for _, p := range platforms {
		binary := filepath.Join(out, program+"_"+p.String())
		if err := build(p, version, binary); err != nil {
			return err
		}
		path := filepath.Join(out, archive(p))
		if err := errors.Join(pack(path, binary), os.Remove(binary)); err != nil {
			return err
		}
		sum, err := sumOf(path)
		if err != nil {
			return err
		}
		sums[p] = sum
		fmt.Println(path)
	}
	path := filepath.Join(out, "fileserver.yaml")
	fmt.Println(path)
	return os.WriteFile(path, []byte(manifest(version, from+"/"+version, sums)), 0o644)
}

func build(p platform, version, binary string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+version, "-o", binary, "./cmd/"+program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building for %s: %w\n%s", p, err, text)
	}
	return nil
}

// pack writes an archive with the program and the licence. The same files make the
// same archive.
func pack(path, binary string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	zipped := gzip.NewWriter(f)
	files := tar.NewWriter(zipped)
	for _, file := range []struct {
		name, from string
		mode       int64
	}{{program, binary, 0o755}, {license, license, 0o644}} {
		text, err := os.ReadFile(file.from)
		if err != nil {
			return err
		}
		if err := files.WriteHeader(&tar.Header{Name: file.name, Mode: file.mode, Size: int64(len(text)), Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		if _, err := files.Write(text); err != nil {
			return err
		}
	}
	return errors.Join(files.Close(), zipped.Close())
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
