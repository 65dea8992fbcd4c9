package bucket

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/fileserver-dev/fileserver-operator/server/storage"
)

const (
	// MinPartSize is the least [Options.PartSize]: S3 takes no smaller part, but for the
	// last.
	MinPartSize = 5 << 20
	// MaxPartSize is the largest.
	MaxPartSize = 512 << 20
	// DefaultPartSize is that of the first 8,000 parts; see [layout].
	DefaultPartSize = 8 << 20
	// maxParts is how many parts S3 lets an upload have.
	maxParts = 10_000

	// minBudget and defaultBudget are how much memory uploads may take at least, and
	// where the memory of the process is not known.
	minBudget     = 64 << 20
	defaultBudget = 256 << 20
)

// Options say where the bucket is.
type Options struct {
	// Endpoint is the URL of the API; "" is that of AWS in the region.
	Endpoint string
	// Region is what requests are signed for; "" is us-east-1, which others than
	// AWS take mostly.
	Region string
	// Bucket is its name.
	Bucket string
	// Prefix is the folder in the bucket that holds the homes of all users; "" is
	// the whole bucket. Slashes around it mean nothing.
	Prefix string
	// PathStyle puts the bucket's name into the path and not into the host.
	PathStyle bool
	// CredentialsDir has the files AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and
	// AWS_SESSION_TOKEN if there is one. They are read again when they change.
	// "": what the platform gives (environment, web identity, the node).
	CredentialsDir string
	// CA are certificates in PEM that the endpoint's is checked by, in place of
	// those of the system; "": those.
	CA string
	// Encryption is the header x-amz-server-side-encryption (AES256, aws:kms), and
	// KMSKeyID the key for it; "": what the bucket has by default.
	Encryption string
	KMSKeyID   string
	// StorageClass is that of new objects; "": the bucket's default.
	StorageClass string
	// PartSize is how many bytes the first parts of an upload have, and how many of each
	// are held in memory; 0 is DefaultPartSize.
	PartSize int64
	// Memory is how many bytes the process may use, of which uploads take a
	// quarter at most; 0: not known.
	Memory int64
	// Budget is how many bytes uploads take at most, in place of that; 0: as above.
	Budget int64
	// Observe, if not nil, is told of each request: the call, such as PutObject, the
	// result, which is "ok" or S3's code of an error, and how long it took.
	Observe func(call, result string, seconds float64)

	silence time.Duration           // defaultSilence, unless a test has changed it
	pause   time.Duration           // maxPause, alike
	layout  func(part int64) layout // newLayout, alike
}

// A Bucket is used by all sessions of a process.
type Bucket struct {
	opts   Options
	api    *s3.Client
	copies *s3.Client // for copies that may take long, of which the store says nothing meanwhile
	layout func(part int64) layout
	prefix string // empty, or with a slash at the end
	budget *budget
	part   int64

	// unconditional is set when the store knows no conditional writes.
	unconditional atomic.Bool
}

// Open returns a bucket. It makes no request to it.
func Open(ctx context.Context, o Options) (*Bucket, error) {
	if o.PartSize == 0 {
		o.PartSize = DefaultPartSize
	}
	if o.PartSize < MinPartSize || o.PartSize > MaxPartSize {
		return nil, fmt.Errorf("a part of %d bytes is not between %d and %d", o.PartSize, MinPartSize, MaxPartSize)
	}
	api, err := newClient(ctx, o)
	if err != nil {
		return nil, err
	}
	patient := o
	patient.silence = 10 * cmp.Or(o.silence, defaultSilence)
	copies, err := newClient(ctx, patient)
	if err != nil {
		return nil, err
	}
	b := &Bucket{opts: o, api: api, copies: copies, part: o.PartSize, layout: newLayout}
	if o.layout != nil {
		b.layout = o.layout
	}
	if p := strings.Trim(o.Prefix, "/"); p != "" {
		b.prefix = p + "/"
	}
	size := o.Budget
	if size == 0 {
		size = defaultBudget
		if o.Memory > 0 {
			size = max(o.Memory/4, minBudget)
		}
	}
	b.budget = newBudget(max(size, 2*o.PartSize), o.PartSize)
	return b, nil
}

// Tree returns the files below home, a clean path such as "alice", or "." for all, for
// one session of a user. Of uploads, all but Hidden is used.
func (b *Bucket) Tree(home string, uploads storage.Uploads) storage.FS {
	t := &tree{bucket: b, top: b.prefix, uploads: uploads, open: map[string]*upload{}}
	if home != "." {
		t.top += home + "/"
	}
	return t
}

// Memory is how many bytes uploads take, and how many they may.
func (b *Bucket) Memory() (taken, limit int64) { return b.budget.taken.Load(), b.budget.limit }

func (b *Bucket) name() *string { return &b.opts.Bucket }

// copySource is a key as the header x-amz-copy-source has it.
func (b *Bucket) copySource(key string) *string {
	s := escapePath(b.opts.Bucket + "/" + key)
	return &s
}

func (b *Bucket) storageClass() types.StorageClass { return types.StorageClass(b.opts.StorageClass) }

func (b *Bucket) encryption() types.ServerSideEncryption {
	return types.ServerSideEncryption(b.opts.Encryption)
}

func (b *Bucket) kmsKey() *string { return optional(b.opts.KMSKeyID) }

// optional is nil for an empty text.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// escapePath escapes all of a path but slashes and what needs no escape
// (RFC 3986 section 2.3).
func escapePath(s string) string {
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~/", c) >= 0:
			out.WriteByte(c)
		default:
			out.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return out.String()
}
