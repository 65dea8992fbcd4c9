//go:build !unix

package ftp

// reuseAddr does nothing here: elsewhere the option means something else.
func reuseAddr(uintptr) error { return nil }
