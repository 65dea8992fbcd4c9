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

// Socket is the connection below all wrappers that tell what they wrap.
func Socket(conn net.Conn) net.Conn {
	for {
		wrapper, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = wrapper.NetConn()
	}
}
