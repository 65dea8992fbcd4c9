//go:build !linux

package ftp

import "net"

func quiet(conn net.Conn) net.Conn { return conn }
