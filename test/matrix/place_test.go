//go:build e2e

package matrix

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

// A place is where servers keep their files, and what came of the clients that used it.
type place struct {
	name   string
	folder string // of the clients
	// long is what a row moves as its long file.
	long func(row int) longFile
	// cannot says why the place cannot do an operation.
	cannot map[string]string

	modern *server // as it comes
	legacy *server // with old algorithms of SSH
	table
}

var (
	volume *place
	places []*place // all that were used
)

// start starts the servers, of which the legacy one is left out where nobody asks for it.
func (p *place) start(ctx context.Context, dir string, old bool, store *fixture.Store) error {
	p.folder = filepath.Base(dir) + ".local"
	var err error
	if p.modern, err = start(ctx, filepath.Join(dir, "modern"), false, store); err != nil {
		return fmt.Errorf("the server with files %s: %w", p.name, err)
	}
	if old {
		if p.legacy, err = start(ctx, filepath.Join(dir, "legacy"), true, store); err != nil {
			return fmt.Errorf("the legacy server with files %s: %w", p.name, err)
		}
	}
	places = append(places, p)
	return nil
}

func (p *place) stop() {
	for _, s := range []*server{p.modern, p.legacy} {
		if s != nil {
			s.stop()
		}
	}
}

// few are the rows that speak for the others in the short form: those that do something
// with files in a way of their own.
var few = []row{
	{client: "curl", transport: "plain", mode: "passive"},
	{client: "lftp", transport: "explicit", mode: "passive"},
	{client: "curl", transport: "implicit", mode: "passive"},
	{client: "OpenSSH sftp", transport: "ssh", mode: "key"},
	{client: "OpenSSH scp -O", transport: "ssh", mode: "key"},
	{client: "psftp", transport: "ssh", mode: "password"},
	{client: "paramiko", transport: "ssh", mode: "password"},
}

func isOneOfFew(r row) bool {
	return slices.ContainsFunc(few, func(f row) bool {
		return f.client == r.client && f.transport == r.transport && f.mode == r.mode
	})
}

func TestMatrixInABucketOfVersitygw(t *testing.T) {
	program := os.Getenv("VERSITYGW")
	if program == "" {
		t.Fatal("VERSITYGW is not set to the path of versitygw: `make e2e`, `make matrix` and `make matrix-bucket` build it")
	}
	store, err := fixture.StartGateway(t.Context(), program, filepath.Join(base, "versitygw"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Stop)
	inABucket(t, &place{name: "in a bucket of versitygw"}, "bucket", store, func(r row) bool { return inBucket || isOneOfFew(r) })
}

// inABucket tries rows with files in a bucket.
func inABucket(t *testing.T, p *place, folder string, store *fixture.Store, asked func(row) bool) {
	t.Helper()
	if p.long == nil {
		p.long = func(i int) longFile {
			if inBucket {
				return longFileOf(i)
			}
			return sources.parts
		}
	}
	if err := p.start(t.Context(), filepath.Join(base, folder), inBucket, store); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	p.try(t, asked)
}
