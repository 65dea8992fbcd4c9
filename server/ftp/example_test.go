package ftp_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/memfs"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

// A server with files in memory, on an explicit listener without TLS. A client
// connects and logs in.
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
		},
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go srv.Serve(ln, ftp.ListenerOptions{Name: "ftp", TLS: ftp.TLSOptional, DataPort: 0})
	defer srv.Shutdown(context.Background())

	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	replies := bufio.NewScanner(conn)
	for _, command := range []string{"", "USER alice", "PASS secret", "PWD", "QUIT"} {
		if command != "" {
			fmt.Fprintf(conn, "%s\r\n", command)
		}
		replies.Scan()
		fmt.Println(strings.TrimSpace(replies.Text()))
	}
	// Output:
	// 220 Welcome
	// 331 Password required
	// alice logs in by password: true
	// 230 Logged in
	// 257 "/" is the working directory
	// 221 Goodbye
}
