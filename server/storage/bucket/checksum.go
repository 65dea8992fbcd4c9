package bucket

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// metaMD5 has the MD5 of an object that was uploaded in parts, in base64, as rclone writes it.
const metaMD5 = "md5chksum"

// Checksum is that of the whole object, if it is stored with it.
func (d *download) Checksum(algorithm string) []byte {
	ctx, cancel := withTime()
	defer cancel()
	out, err := d.bucket.api.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: d.bucket.name(), Key: &d.object.key, IfMatch: optional(d.object.etag), ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return nil // the file is read, and then it is an error or not
	}
	whole := out.ChecksumType != types.ChecksumTypeComposite
	switch {
	case algorithm == "SHA-256" && whole:
		return sum(out.ChecksumSHA256, 32)
	case algorithm == "SHA-1" && whole:
		return sum(out.ChecksumSHA1, 20)
	case algorithm == "CRC32" && whole:
		return sum(out.ChecksumCRC32, 4)
	case algorithm == "MD5":
		if s := lower(out.Metadata)[metaMD5]; s != "" {
			return sum(&s, 16)
		}
		return d.bucket.md5(out)
	}
	return nil
}

// md5 is what AWS has as the ETag of an object that came with one request. Of other stores it is not
// known what an ETag is.
func (b *Bucket) md5(out *s3.HeadObjectOutput) []byte {
	if b.opts.Endpoint != "" || out.SSECustomerAlgorithm != nil ||
		out.ServerSideEncryption != "" && out.ServerSideEncryption != types.ServerSideEncryptionAes256 {
		return nil
	}
	if p, err := hex.DecodeString(strings.Trim(aws.ToString(out.ETag), `"`)); err == nil && len(p) == 16 {
		return p
	}
	return nil
}

// sum is a checksum of so many bytes that is written in base64; nil if it is none. That of parts, put
// together, ends with a dash and their number.
func sum(s *string, size int) []byte {
	if p, err := base64.StdEncoding.DecodeString(aws.ToString(s)); err == nil && len(p) == size {
		return p
	}
	return nil
}

// CopyFrom copies bytes of an object of the same bucket to the end of what is written.
func (u *upload) CopyFrom(from io.ReaderAt, at, n, place int64) (bool, error) {
	d, ok := from.(*download)
	if !ok || d.bucket != u.tree.bucket {
		return false, nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	end := u.size()
	if u.parts != nil {
		end = u.parts.next
	}
	if u.appends {
		place = end
	}
	switch {
	case u.closed || u.failed != nil || len(u.early) > 0 || place != end || at < 0 || n < u.tree.bucket.part || at+n > d.object.size:
		return false, nil // a write does the same, or says why not
	case u.parts == nil && u.appends:
		u.failed = u.startWith(u.added)
		u.added = nil
	case u.parts == nil:
		u.failed = u.start(place)
	}
	if u.failed == nil {
		u.failed = u.parts.take(d.object, at, at+n, false)
	}
	if u.failed != nil {
		u.failed = named("write", u.place.name, u.failed)
		return false, u.failed
	}
	return true, nil
}
