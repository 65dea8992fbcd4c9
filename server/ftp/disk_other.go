//go:build !linux

package ftp

import "os"

func canReadNow(*os.File, int64, int64) bool { return false }
func canWriteNow(*os.File) bool              { return false }
