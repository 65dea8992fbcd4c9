//go:build !linux

package ftp

import "net"

func quickAck(net.Conn) {}

func isClosed(net.Conn) bool { return false }
