package ftp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
	"github.com/fileserver-dev/fileserver-operator/server/ftp/passive"
)

// A home is a folder of the host, and the backend of its one user. os.Root refuses what
// leads out of it.
type home struct{ root *os.Root }

func (h home) Login(_ context.Context, _ *ftp.Conn, user, password string) (ftp.Session, error) {
	if user != "alice" || password != "secret" {
		return nil, ftp.ErrLoginFailed
	}
	return h, nil
}

// local is a name as os.Root has it: "/" is ".".
func local(name string) string { return path.Join(".", name) }

func (h home) Stat(_ context.Context, name string) (fs.FileInfo, error) {
	return h.root.Stat(local(name))
}

func (h home) List(_ context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		entries, err := fs.ReadDir(h.root.FS(), local(name))
		if err != nil {
			yield(nil, err)
		}
		for _, entry := range entries {
			if info, err := entry.Info(); err == nil && !yield(info, nil) {
				return
			}
		}
	}
}

func (h home) OpenFile(_ context.Context, name string, flag int) (ftp.File, error) {
	f, err := h.root.OpenFile(local(name), flag, 0o644)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (h home) Mkdir(_ context.Context, name string) error {
	return h.root.Mkdir(local(name), 0o755)
}

func (h home) Remove(_ context.Context, name string) error {
	return h.remove(name, false, syscall.EISDIR)
}

func (h home) RemoveDir(_ context.Context, name string) error {
	return h.remove(name, true, syscall.ENOTDIR)
}

// remove removes a directory, or what is none. Otherwise its error is otherwise.
func (h home) remove(name string, dir bool, otherwise error) error {
	info, err := h.root.Lstat(local(name))
	switch {
	case err != nil:
		return err
	case info.IsDir() != dir:
		return otherwise
	}
	return h.root.Remove(local(name))
}

func (h home) Rename(_ context.Context, oldName, newName string) error {
	return h.root.Rename(local(oldName), local(newName))
}

func (h home) Close() error { return nil }

// A server for one folder, on an explicit listener without TLS. A client connects, logs
// in, uploads a file and lists the folder.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	root, err := os.OpenRoot(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer root.Close()

	srv := ftp.New(ftp.Options{
		Backend:  home{root},
		Passive:  passive.NewPool(passive.Options{First: 50000, Last: 50009}),
		Settings: ftp.Settings{Greeting: "Welcome", TLS: ftp.TLSOptional},
		Hooks: ftp.Hooks{
			Login: func(c *ftp.Conn, r ftp.LoginRecord) {
				fmt.Printf("%s logs in: %v\n", r.User, r.Err == nil)
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
	go srv.Serve(ln, ftp.ListenerOptions{Name: "ftp"})

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
	// alice logs in: true
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
