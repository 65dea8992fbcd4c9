package ftp

import "net"

// A synchConn drops bytes of Telnet between the records of TLS. Perl's Net::FTP puts a
// Synch (RFC 854) there ahead of ABOR, as urgent data past its TLS. No record begins
// with such a byte, so nothing is lost, and whoever is on the way gains nothing by
// inserting some.
type synchConn struct {
	net.Conn
	header int // bytes of the record's header that have come
	length int // what the first of the two bytes of its length says
	left   int // bytes of the record that have not come
}

func (s *synchConn) Read(p []byte) (int, error) {
	for {
		n, err := s.Conn.Read(p)
		if n = s.drop(p[:n]); n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// drop does so in place, and returns the length that is left.
func (s *synchConn) drop(p []byte) int {
	const headerLength = 5 // kind, version and two bytes of length: RFC 8446 section 5.1
	out := 0
	for i := 0; i < len(p); i++ {
		switch {
		case s.left > 0:
			n := copy(p[out:], p[i:min(len(p), i+s.left)])
			out, i, s.left = out+n, i+n-1, s.left-n
			continue
		case s.header == 0 && p[i] >= telnetSE:
			continue
		}
		p[out] = p[i]
		out++
		switch s.header++; s.header {
		case headerLength - 1:
			s.length = int(p[i]) << 8
		case headerLength:
			s.left, s.header = s.length|int(p[i]), 0
		}
	}
	return out
}
