// Package bucket keeps the files of users in a bucket that speaks the API of S3.
//
// A [Bucket] is one for the process: the client, and the memory that uploads may take.
// [Bucket.Tree] is a [storage.FS] for one session, below a prefix that is the user's
// home. Uploads are complete or not there at all, as with [storage.Atomic], which is
// not needed above it:
//
//   - What is written goes into parts, in memory, and becomes an object when the file
//     is closed: small files by one PUT, others by a multipart upload.
//   - Each part but the last has the size [Options.PartSize]: part n has the bytes from
//     (n-1) times that on. So the parts of an upload that was cut tell where it ended, and
//     stores that want parts of one size (R2) are content.
//   - An upload that was cut is remembered by a hidden object (a record), below a folder
//     of its user's, which has the bytes that filled no part.
//
// What S3 has no call for (links, modes, owners, writing in the middle of what was sent) is
// errors.ErrUnsupported.
package bucket
