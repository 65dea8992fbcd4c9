package storage

import "io"

// CopyWithin has the store that holds two open files copy n bytes of one, from a place on, to
// another place in the other, so that they do not come by way of this process. It returns false, and
// has done nothing, where that cannot be: the bytes have to be read and written then.
//
// A file that can do so, or stands for one that can, has this as a method CopyFrom.
func CopyWithin(to File, from io.ReaderAt, at, n, place int64) (copied bool, err error) {
	f, ok := to.(interface {
		CopyFrom(from io.ReaderAt, at, n, place int64) (bool, error)
	})
	if !ok {
		return false, nil
	}
	return f.CopyFrom(from, at, n, place)
}

// Checksum is that of a whole file, by the name that FTP's HASH has for the algorithm, if it is
// stored with the file; else nil.
//
// A file of which checksums may be stored, or that stands for one, has this as a method.
func Checksum(f File, algorithm string) []byte {
	if s, ok := f.(interface{ Checksum(algorithm string) []byte }); ok {
		return s.Checksum(algorithm)
	}
	return nil
}
