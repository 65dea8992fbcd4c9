package ftp_test

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

func TestActiveTransfersLeaveFromTheDataPortSeveralAtATime(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	ts := serve(t, ftp.ListenerOptions{Name: plain.Name, DataPort: uint16(port)}, nil)
	const n = 8
	conns := make([]net.Conn, n)
	clients := make([]*client, n)
	for i := range n {
		c := ts.login()
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		at := ln.Addr().(*net.TCPAddr)
		if i%2 == 0 {
			c.command("PORT "+portArgument(at.IP, at.Port), "200 ...")
		} else {
			c.command(fmt.Sprintf("EPRT |1|127.0.0.1|%d|", at.Port), "200 ...")
		}
		c.command(fmt.Sprintf("STOR f%d", i), "150 ...")
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if from := conn.RemoteAddr().(*net.TCPAddr).Port; from != port {
			t.Errorf("comes from port %d, want %d", from, port)
		}
		conns[i], clients[i] = conn, c
	}
	for i, c := range clients {
		fmt.Fprintf(conns[i], "data %d", i)
		conns[i].Close()
		c.expect("226 ...")
		if got := ts.read(fmt.Sprintf("/f%d", i)); got != fmt.Sprintf("data %d", i) {
			t.Errorf("got %q", got)
		}
	}
}

func TestActiveTransfersOverTLS(t *testing.T) {
	t.Parallel()
	ts := serve(t, ftp.ListenerOptions{Implicit: true, DataPort: uint16(freePort(t))}, nil)
	ts.write("/f", "data")
	config := clientTLS(0)
	c := ts.dial("").handshake(config)
	c.expect("220 ...")
	c.login()
	c.tls = config
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for range 3 { // to the same port of the client each time
		at := ln.Addr().(*net.TCPAddr)
		c.command("PORT "+portArgument(at.IP, at.Port), "200 ...")
		c.command("RETR f", "150 ...")
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if data, _ := io.ReadAll(c.protect(conn)); string(data) != "data" || !c.resumed {
			t.Errorf("got %q, resumed %v", data, c.resumed)
		}
		c.expect("226 ...")
		conn.Close()
	}
}

func TestPORTAndEPRTGoToThePeerOnlyAndToPortsFrom1024(t *testing.T) {
	t.Parallel()
	c := serve(t, plain, nil).login()
	c.talk(`
		> PORT 127,0,0,2,200,10
		< 504 ...
		> PORT 127,0,0,1,3,255
		< 504 ...
		> EPRT |1|192.0.2.1|51210|
		< 504 ...
		> EPRT |1|127.0.0.1|1023|
		< 504 ...
		> EPRT |2|::ffff:127.0.0.1|51210|
		< 200 ...
		> PORT 127,0,0,1,4,0
		< 200 ...`)
}

func TestAnActiveConnectionThatCannotBeMadeIs425(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	c.command("PORT "+portArgument(net.IPv4(127, 0, 0, 1), freePort(t)), "200 ...")
	c.command("LIST", "150 ...")
	c.expect("425 ...")
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}
