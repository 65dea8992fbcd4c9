package ftp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/memfs"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

// A server with files in memory, on an explicit listener without TLS. A client
// connects, logs in, uploads a file and lists the folder.
func Example() {
	backend := memfs.New()
	backend.AddUser("alice", "secret")

	srv := ftp.New(ftp.Options{
		Backend:  backend,
		Passive:  passive.NewPool(passive.Options{First: 50000, Last: 50009}),
		Greeting: "Welcome",
		Hooks: ftp.Hooks{
			Login: func(c *ftp.Conn, r ftp.LoginRecord) {
				fmt.Printf("%s logs in by %s: %v\n", r.User, r.Method, r.Err == nil)
			},
			TransferEnd: func(c *ftp.Conn, r ftp.TransferRecord) {
				fmt.Printf("%s of %s by %s: %d bytes\n", r.Direction, r.Path, c.User(), r.Bytes)
			},
		},
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go srv.Serve(ln, ftp.ListenerOptions{Name: "ftp", TLS: ftp.TLSOptional})

	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	replies := bufio.NewScanner(conn)
	do := func(command string) string {
		if command != "" {
			fmt.Fprintf(conn, "%s\r\n", command)
		}
		replies.Scan()
		return strings.TrimSpace(replies.Text())
	}
	// transfer makes a passive data connection, on which f moves the data.
	transfer := func(command string, f func(net.Conn)) {
		var port int
		fmt.Sscanf(do("EPSV"), "229 Entering Extended Passive Mode (|||%d|)", &port)
		data, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(do(command))
		f(data)
		data.Close()
		fmt.Println(do(""))
	}

	for _, command := range []string{"", "USER alice", "PASS secret", "TYPE I"} {
		fmt.Println(do(command))
	}
	transfer("STOR hello.txt", func(data net.Conn) { io.WriteString(data, "hello, world\n") })
	transfer("NLST", func(data net.Conn) {
		names, _ := io.ReadAll(data)
		fmt.Printf("%q\n", names)
	})
	fmt.Println(do("QUIT"))
	conn.Close()
	srv.Shutdown(context.Background()) // waits for the session to be over

	// Unordered output:
	// 220 Welcome
	// 331 Password required
	// alice logs in by password: true
	// 230 Logged in
	// 200 Type is binary
	// 150 Opening BINARY mode data connection for hello.txt
	// upload of /hello.txt by alice: 13 bytes
	// 226 Transfer complete
	// 150 Opening data connection for the listing
	// "hello.txt\r\n"
	// download of / by alice: 11 bytes
	// 226 Transfer complete
	// 221 Goodbye
}
