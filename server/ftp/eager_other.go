//go:build !linux

package ftp

import "io"

// There are no quick transfers here, and so no eager sessions.
func (c *Conn) expectMore() {}

func (c *Conn) reader() io.Reader { return c.nc }
