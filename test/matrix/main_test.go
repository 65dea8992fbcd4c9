//go:build e2e

// Package matrix drives the file server with the programs and libraries that
// people use, each over every transport and mode that it knows, through the
// same list of operations. At the end it prints a table: a row for each way of
// each client, a cell for each operation. A cell says ok, FAIL, or that the
// client cannot, with the reason below the table; none is left out.
//
// The large file is of 5 GiB; MATRIX_LARGE sets its bytes. Of the ways
// of a client, the first without TLS and the first with it move that file, since
// a client counts beyond 4 GiB in one place; the others move 64 MiB, unless
// MATRIX is long.
//
// The same goes for servers whose files are in a bucket: some of the rows in `make
// e2e`, with small files, and all where MATRIX is bucket.
package matrix

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

// startDeadline is for all that comes before the first row.
const startDeadline = 10 * time.Minute

// The parts that all rows share.
var (
	base      string // a folder for all files
	largeSize int64  = 5 << 30
	long      bool   // every row moves the large file
	inBucket  bool   // the rows with the bucket are all there are
	sources   fixtures
	binary    string // of the server
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	if s := os.Getenv("MATRIX_LARGE"); s != "" {
		if largeSize, err = strconv.ParseInt(s, 10, 64); err != nil || largeSize < 2*resumed {
			return 1, fmt.Errorf("MATRIX_LARGE is %q; it is a number of bytes, %d at least", s, 2*resumed)
		}
	}
	long, inBucket = os.Getenv("MATRIX") == "long", os.Getenv("MATRIX") == "bucket"
	if err := install(ctx, os.Stderr); err != nil {
		return 1, err
	}
	if base, err = scratch(); err != nil {
		return 1, err
	}
	defer os.RemoveAll(base)
	if sources, err = makeFixtures(filepath.Join(base, "sources")); err != nil {
		return 1, err
	}
	if binary, err = fixture.Build(ctx, base); err != nil {
		return 1, err
	}
	volume = &place{name: "on a volume", long: longFileOf}
	if err := volume.start(ctx, filepath.Join(base, "volume"), true, nil); err != nil {
		return 1, err
	}
	defer volume.stop()
	code = m.Run()
	for _, p := range places {
		p.print(os.Stdout)
	}
	return code, nil
}

// scratch makes the folder for all files, in memory where that has room. Its
// name is short: old clients take no long ones.
func scratch() (string, error) {
	need := max(rekeySize(), int64(cap(turns))*largeSize)
	if inBucket {
		need *= 3 // the store has parts and object for a while
	}
	dir := os.TempDir()
	if os.Getenv("TMPDIR") == "" && min(free("/dev/shm"), freeMemory()) > need*3/2 {
		dir = "/dev/shm"
	}
	if room := free(dir); room < need {
		return "", fmt.Errorf("%s has room for %d MiB; %d are needed: set TMPDIR", dir, room>>20, need>>20)
	}
	return os.MkdirTemp(dir, "mx")
}
