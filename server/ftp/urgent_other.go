//go:build !unix

package ftp

import "net"

func keepUrgent(net.Conn) {}
