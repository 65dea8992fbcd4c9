//go:build !linux

package ftp

import "net"

func quiet(conn net.Conn) net.Conn { return conn }

// There are no quick transfers here, and so no patience.
func quietNearby(conn net.Conn) net.Conn { return conn }

func (c *Conn) expectMore()   {}
func (c *Conn) expectNoMore() {}
