package move

import "net"

// A Presence is what the system knows about the other end of a connection.
type Presence int

// What [Look] finds.
const (
	Present    Presence = iota // open, and nothing has come
	Speaking                   // something has come that is not read yet
	HalfClosed                 // it sends no more
	Reset                      // the connection is of no use any more
)

// below is the connection below what listeners have wrapped around it.
func below(conn net.Conn) net.Conn {
	for {
		switch wrapped := conn.(type) {
		case interface{ Raw() net.Conn }: // of the PROXY protocol
			conn = wrapped.Raw()
		case interface{ NetConn() net.Conn }: // of TLS
			conn = wrapped.NetConn()
		default:
			return conn
		}
	}
}
