package server

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/sftp"
)

// listener is an open port and what serves it.
type listener struct {
	net.Listener
	name  string
	serve func(net.Listener) error
}

func (s *Server) listen() ([]listener, error) {
	c := s.files.Load().config
	var all []listener
	open := func(name string, port int, serve func(net.Listener) error) error {
		l, err := s.opts.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			closeAll(all)
			return fmt.Errorf("listening for %s (protocols.%s.port): %w", name, name, err)
		}
		l = proxyListener(func() []netip.Prefix { return s.files.Load().config.ProxyProtocolFrom }, s.opts.headerWait, l)
		all = append(all, listener{l, name, serve})
		return nil
	}
	if f := c.Protocols.FTP; f != nil {
		opts := ftp.ListenerOptions{Name: config.ProtocolFTP, DataPort: uint16(f.DataPort)}
		if err := open(config.ProtocolFTP, f.Port, func(l net.Listener) error { return s.ftp.engine.Serve(l, opts) }); err != nil {
			return nil, err
		}
	}
	if f := c.Protocols.FTPS; f != nil {
		opts := ftp.ListenerOptions{Name: config.ProtocolFTPS, Implicit: true, DataPort: uint16(f.DataPort)}
		if err := open(config.ProtocolFTPS, f.Port, func(l net.Listener) error { return s.ftp.engine.Serve(l, opts) }); err != nil {
			return nil, err
		}
	}
	if f := c.Protocols.SFTP; f != nil {
		opts := sftp.ListenerOptions{Name: config.ProtocolSFTP}
		if err := open(config.ProtocolSFTP, f.Port, func(l net.Listener) error { return s.sftp.engine.Serve(l, opts) }); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func closeAll(ls []listener) {
	for _, l := range ls {
		l.Close()
	}
}

// isClosed reports whether a protocol ended because it was told to.
func isClosed(err error) bool {
	return errors.Is(err, ftp.ErrServerClosed) || errors.Is(err, sftp.ErrServerClosed) ||
		errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed)
}
