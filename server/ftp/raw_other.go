//go:build !linux

package ftp

import (
	"errors"
	"net"
	"net/netip"
	"os"
)

// There are no raw connections here, and so no quick transfers.
type (
	rawListener struct{}
	rawConn     struct{}
)

func unmanaged(net.Listener) *rawListener { return nil }

func (l *rawListener) accept() (*rawConn, netip.Addr)    { return nil, netip.Addr{} }
func (l *rawListener) listener() (net.Listener, error)   { return nil, errors.ErrUnsupported }
func (l *rawListener) close()                            {}
func (c *rawConn) conn() (net.Conn, error)               { return nil, errors.ErrUnsupported }
func (c *rawConn) close()                                {}
func (c *rawConn) send(*os.File) (sent int64, err error) { return 0, errors.ErrUnsupported }
func (c *rawConn) receive(File) (got int64, err error)   { return 0, errors.ErrUnsupported }
