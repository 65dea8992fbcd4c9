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
	sources   fixtures
	modern    *server // as it comes
	legacy    *server // with old algorithms of SSH
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
	long = os.Getenv("MATRIX") == "long"
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
	binary, err := fixture.Build(ctx, base)
	if err != nil {
		return 1, err
	}
	for name, s := range map[string]**server{"modern": &modern, "legacy": &legacy} {
		if *s, err = start(ctx, binary, filepath.Join(base, name), name == "legacy"); err != nil {
			return 1, fmt.Errorf("the %s server: %w", name, err)
		}
		defer (*s).stop()
	}
	code = m.Run()
	results.print(os.Stdout)
	return code, nil
}

// scratch makes the folder for all files, in memory where that has room. Its
// name is short: old clients take no long ones.
func scratch() (string, error) {
	need := max(rekeySize(), int64(cap(turns))*largeSize)
	dir := os.TempDir()
	if os.Getenv("TMPDIR") == "" && min(free("/dev/shm"), freeMemory()) > need*3/2 {
		dir = "/dev/shm"
	}
	if room := free(dir); room < need {
		return "", fmt.Errorf("%s has room for %d MiB; %d are needed: set TMPDIR", dir, room>>20, need>>20)
	}
	return os.MkdirTemp(dir, "mx")
}
