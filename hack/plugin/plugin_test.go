package main

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestKrewTakesTheManifest(t *testing.T) {
	t.Parallel()
	tool, err := exec.CommandContext(t.Context(), "go", "run", "-C", "../tools", ".", "validate-krew-manifest").Output()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[platform]string{}
	for _, p := range platforms {
		sums[p] = strings.Repeat("0a", 32)
	}
	path := filepath.Join(t.TempDir(), "fileserver.yaml")
	check := func(version string) ([]byte, error) {
		if err := os.WriteFile(path, []byte(manifest(version, "https://example.com/"+version, sums)), 0o644); err != nil {
			t.Fatal(err)
		}
		return exec.CommandContext(t.Context(), strings.TrimSpace(string(tool)), "-skip-install", "-manifest", path).CombinedOutput()
	}
	if out, err := check("v1.2.3"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := check("dev"); err == nil {
		t.Error("a version that is none passes, so that the check checks nothing")
	}
}

func TestAnArchiveHasTheProgramAndTheLicence(t *testing.T) {
	t.Chdir("../..")
	dir := t.TempDir()
	binary, path := filepath.Join(dir, "binary"), filepath.Join(dir, "archive")
	if err := os.WriteFile(binary, []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	var sums []string
	for range 2 {
		if err := pack(path, binary); err != nil {
			t.Fatal(err)
		}
		sum, err := sumOf(path)
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sum)
	}
	if sums[0] != sums[1] {
		t.Error("the same files make another archive")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for files := tar.NewReader(zipped); ; {
		header, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
		if header.Name == program && header.Mode != 0o755 {
			t.Errorf("the program has the mode %o", header.Mode)
		}
	}
	if got := strings.Join(names, " "); got != program+" "+license {
		t.Errorf("the archive has %s", got)
	}
}
