//go:build e2e

package matrix

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	stripe  = 4 << 10   // what is written, and compared, of each part of a long file
	part    = 128 << 10 // as much as travels at once, or less
	resumed = 1 << 20   // what is left for a transfer that is resumed
	whole   = 256 << 20 // up to this size all is compared

	mediumSize = 64 << 20
	partsSize  = 12 << 20
)

// fixtures are files that clients upload, or that are put on the server for
// them to download.
type fixtures struct {
	small, empty string
	large        longFile
	medium       longFile // what a row moves that another one speaks for
	parts        longFile // what fills some parts in a bucket
}

// longFile is a sparse file, and what there is of it when a transfer is
// resumed.
type longFile struct {
	size  int64
	whole string
	head  string // as long as the file less resumed, with other content
}

func makeFixtures(dir string) (fixtures, error) {
	file := func(name string) string { return filepath.Join(dir, name) }
	f := fixtures{
		small: file("small"), empty: file("empty"),
		large:  longFile{largeSize, file("large"), file("large-head")},
		medium: longFile{min(mediumSize, largeSize), file("medium"), file("medium-head")},
		parts:  longFile{min(partsSize, largeSize), file("parts"), file("parts-head")},
	}
	return f, errors.Join(os.MkdirAll(dir, 0o755), makeSmall(f.small), os.WriteFile(f.empty, nil, 0o644),
		f.large.make(), f.medium.make(), f.parts.make())
}

func (f longFile) make() error {
	return errors.Join(makeSparse(f.whole, f.size, 1), makeSparse(f.head, f.size-resumed, 2))
}

// makeSmall writes random bytes, line ends of both kinds among them: a
// transfer that translates them does not go unseen.
func makeSmall(name string) error {
	b := make([]byte, 300_000)
	random := rand.NewChaCha8([32]byte{})
	random.Read(b)
	copy(b[1000:], "\r\n\n\r\r\n\xff\xf4\xff\xf2\x1a\x00")
	return os.WriteFile(name, b, 0o644)
}

// makeSparse writes a file of holes with a stripe of random bytes in each part:
// no two parts are the same, and none that is missing or misplaced goes unseen.
func makeSparse(name string, size int64, seed byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte{seed})
	b := make([]byte, stripe)
	for at, end := range stripes(size) {
		random.Read(b)
		if _, err := f.WriteAt(b[:end-at], at); err != nil {
			return err
		}
	}
	return f.Close()
}

// stripes are where the stripes of a file start and end.
func stripes(size int64) iter.Seq2[int64, int64] {
	return func(yield func(at, end int64) bool) {
		for at := int64(0); at < size; at += part {
			if !yield(at, min(at+stripe, size)) {
				return
			}
		}
	}
}

// same says in what a file differs from the one that it should be.
func same(got, want string) error {
	size, err := sizeOf(want)
	if err != nil {
		return err
	}
	if err := hasSize(got, size); err != nil {
		return err
	}
	if size <= whole {
		return sameRange(got, want, 0, size)
	}
	return sameStripes(got, want, size)
}

// sameResumed says whether a file begins as head and goes on as whole.
func sameResumed(got, head, whole string) error {
	size, err := sizeOf(whole)
	if err != nil {
		return err
	}
	middle, err := sizeOf(head)
	if err != nil {
		return err
	}
	if err := hasSize(got, size); err != nil {
		return err
	}
	if err := sameStripes(got, head, middle); err != nil {
		return fmt.Errorf("what was there has changed: %w", err)
	}
	return sameRange(got, whole, middle, size)
}

func hasSize(name string, size int64) error {
	n, err := sizeOf(name)
	if err == nil && n != size {
		err = fmt.Errorf("%s has %d bytes of %d", filepath.Base(name), n, size)
	}
	return err
}

func sizeOf(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// sameStripes compares the stripes of the first size bytes.
func sameStripes(got, want string, size int64) error {
	return compare(got, want, stripes(size))
}

func sameRange(got, want string, from, to int64) error {
	return compare(got, want, func(yield func(at, end int64) bool) { yield(from, to) })
}

// compare compares ranges of two files.
func compare(got, want string, ranges iter.Seq2[int64, int64]) error {
	a, err := os.Open(got)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := os.Open(want)
	if err != nil {
		return err
	}
	defer b.Close()
	bufA, bufB := make([]byte, 1<<20), make([]byte, 1<<20)
	for from, to := range ranges {
		for at := from; at < to; at += 1 << 20 {
			n := min(1<<20, to-at)
			if _, err := a.ReadAt(bufA[:n], at); err != nil && err != io.EOF {
				return err
			}
			if _, err := b.ReadAt(bufB[:n], at); err != nil && err != io.EOF {
				return err
			}
			if !bytes.Equal(bufA[:n], bufB[:n]) {
				return fmt.Errorf("%s has other bytes from %d on", filepath.Base(got), at)
			}
		}
	}
	return nil
}

// cp copies a file, and leaves its holes as they are.
func cp(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	size, err := sizeOf(from)
	if err != nil {
		return err
	}
	// A store removes folders that are empty.
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer dst.Close()
	for at := int64(0); at < size; {
		const seekData, seekHole = 3, 4
		data, err := src.Seek(at, seekData)
		if errors.Is(err, syscall.ENXIO) {
			break // only a hole is left
		} else if err != nil {
			return err
		}
		if at, err = src.Seek(data, seekHole); err != nil {
			return err
		}
		if _, err := io.Copy(io.NewOffsetWriter(dst, data), io.NewSectionReader(src, data, at-data)); err != nil {
			return err
		}
	}
	return errors.Join(dst.Truncate(size), dst.Close())
}

// free is the room of a file system in bytes; 0 where there is none.
func free(dir string) int64 {
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) != nil {
		return 0
	}
	return int64(fs.Bavail) * fs.Bsize
}

// freeMemory is what Linux can give to programs without swapping, in bytes; 0
// where that is not known.
func freeMemory() int64 {
	b, _ := os.ReadFile("/proc/meminfo")
	var kib int64
	if _, after, ok := strings.Cut(string(b), "MemAvailable:"); ok {
		fmt.Sscan(after, &kib)
	}
	return kib << 10
}
