//go:build !unix

package ftp

import "io/fs"

func appendUnique(b []byte, _ fs.FileInfo) []byte { return b }
