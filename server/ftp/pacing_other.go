//go:build !linux

package ftp

import "net"

func unpace(uintptr) {}

func pace(net.Conn) {}

func quickAck(net.Conn) {}

func isClosed(net.Conn) bool { return false }
