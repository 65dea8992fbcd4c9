package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func atomicUploads(i *instance) { i.config.Storage.AtomicUploads = true }

// content is that of a file in alice's home.
func (i *instance) content(name string) string {
	b, err := os.ReadFile(filepath.Join(i.config.Storage.Root, "alice", name))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return string(b)
}

// begin begins an upload, of which the server has what is given.
func (c *control) begin(command, data string) net.Conn {
	c.i.t.Helper()
	conn := c.data()
	c.command(command, "150")
	if _, err := io.WriteString(conn, data); err != nil {
		c.i.t.Fatal(err)
	}
	c.i.eventually("the data is stored", func() error {
		for _, s := range c.i.server.ftp.engine.Sessions() {
			if s.Remote.String() == c.conn.LocalAddr().String() && s.Transfer != nil && s.Transfer.Bytes == int64(len(data)) {
				return nil
			}
		}
		return errors.New("it is not")
	})
	return conn
}

// put uploads all of it.
func (c *control) put(command, data string) {
	c.i.t.Helper()
	conn := c.data()
	c.command(command, "150")
	_, _ = io.WriteString(conn, data)
	conn.Close()
	c.reply("226")
}

// cut begins an upload and aborts it.
func (c *control) cut(command, data string) {
	c.i.t.Helper()
	c.begin(command, data)
	c.command("ABOR", "426")
	c.reply("226")
}

// binary is a session of alice that transfers bytes as they are.
func (i *instance) binary(user string) *control {
	i.t.Helper()
	c := i.user(user)
	c.command("TYPE I", "200")
	return c
}

func TestAnUploadThatWasCutCanBeContinued(t *testing.T) {
	t.Parallel()
	i := start(t, atomicUploads)
	c := i.binary("alice")
	for _, resume := range []string{"STOR f", "APPE f"} {
		c.cut("STOR f", "half ")
		c.command("SIZE f", "213 5") // tells where to go on
		c.command("MDTM f", "213")
		if resume == "STOR f" {
			c.command("REST 5", "350")
		}
		c.put(resume, "whole")
		if got := i.content("f"); got != "half whole" {
			t.Errorf("%s: %q", resume, got)
		}
		c.command("DELE f", "250")
	}
	// From earlier than where it was cut, to earlier than that too; in another
	// session, while the file that it will replace is there.
	i.binary("alice").put("STOR f", "the old one")
	c.cut("STOR f", "0123456789")
	other := i.binary("alice")
	other.command("REST 3", "350")
	other.put("STOR f", "abc")
	if got := i.content("f"); got != "012abc" {
		t.Errorf("got %q", got)
	}
	// The client goes by the size of the file, which is longer than what was cut.
	c.cut("STOR f", "0123")
	c.command("REST 6", "350")
	c.put("STOR f", "def")
	if got := i.content("f"); got != "012abcdef" {
		t.Errorf("got %q", got)
	}
	c.data()
	c.command("REST 1000", "350")
	c.command("STOR f", "554")
	// One that begins anew forgets what there was.
	c.put("STOR f", "x")
	if got := i.content("f"); got != "x" {
		t.Errorf("got %q", got)
	}
	c.command("DELE f", "250")
	name := strings.Repeat("n", 255)
	c.put("STOR "+name, "long")
	if got := i.content(name); got != "long" {
		t.Errorf("got %q", got)
	}
}

func TestUsersAndPodsDoNotMixTheirUploads(t *testing.T) {
	t.Parallel()
	i := start(t, atomicUploads, func(i *instance) {
		bob := user(i.t, "bob")
		bob.Home = "alice"
		i.users.Users = append(i.users.Users, bob)
	})
	pod := start(t, atomicUploads, func(other *instance) { other.config.Storage.Root = i.config.Storage.Root })
	a := i.binary("alice")
	conn := a.begin("STOR f", "alice's ")
	again := pod.binary("alice")
	again.data()
	again.command("STOR f", "450")
	i.binary("bob").put("STOR f", "bob's")
	if got := i.content("f"); got != "bob's" {
		t.Errorf("who was done first: got %q", got)
	}
	_, _ = io.WriteString(conn, "own")
	conn.Close()
	a.reply("226")
	if got := i.content("f"); got != "alice's own" {
		t.Errorf("who was done last: got %q", got)
	}
}

func TestADropBoxTakesAgainWhatWasCut(t *testing.T) {
	t.Parallel()
	for _, hidden := range []bool{true, false} {
		i := start(t, func(i *instance) {
			i.config.Storage.AtomicUploads = hidden
			i.users.Users[0].Access = config.AccessWriteOnly
		})
		c := i.binary("alice")
		c.cut("STOR f", "half")
		if got := i.content("f"); !strings.HasPrefix(got, "(") {
			t.Errorf("atomicUploads %v: half a file is in the drop box: %q", hidden, got)
		}
		again := i.binary("alice")
		again.command("SIZE f", "213 4")
		again.command("REST 4", "350")
		again.put("STOR f", " and half")
		if got := i.content("f"); got != "half and half" {
			t.Errorf("atomicUploads %v: got %q", hidden, got)
		}
		third := i.binary("alice")
		third.data()
		third.command("STOR f", "550") // it is somebody's now
		third.command("REST 4", "350")
		third.command("STOR f", "550")
		third.cut("STOR g", "half")
		i.binary("alice").put("STOR g", "anew")
		if got := i.content("g"); got != "anew" {
			t.Errorf("atomicUploads %v: from its beginning: got %q", hidden, got)
		}
	}
}

func TestNeitherProtocolShowsWhatIsIncomplete(t *testing.T) {
	t.Parallel()
	i := start(t)
	i.config.Storage.AtomicUploads = true // in force after a reload, for both
	before := i.loaded().Config
	i.write()
	i.eventually("the configuration is in force", func() error {
		if i.loaded().Config == before {
			return errors.New("it is not")
		}
		return nil
	})
	c := i.binary("alice")
	s, _ := i.sftpSession()
	c.command("MKD /dir", "257")
	c.cut("STOR /dir/by-ftp", "half")
	f, err := s.Create("/dir/by-sftp")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	if entries, err := s.ReadDir("/dir"); err != nil || len(entries) != 0 {
		t.Errorf("SFTP lists %v, %v", entries, err)
	}
	conn := c.data()
	c.command("NLST -a /dir", "150")
	if names, _ := io.ReadAll(conn); len(names) > 0 {
		t.Errorf("FTP lists %q", names)
	}
	c.reply("226")
	if info, err := s.Stat("/dir/by-ftp"); err != nil || info.Size() != 4 {
		t.Errorf("to go on over SFTP: %v, %v", info, err)
	}
	c.command("RMD /dir", "450") // somebody writes there
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	c.command("DELE /dir/by-sftp", "250")
	c.command("RMD /dir", "250")
}

func TestNothingIsEmptiedBeforeThereIsADataConnection(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*instance){func(*instance) {}, atomicUploads} {
		i := start(t, change, func(i *instance) { i.config.Passive.PeerCheck = config.PeerAny })
		i.files("f")
		c := i.user("alice")
		c.command("EPSV", "229")
		c.command("STOR f", "150") // and nobody connects
		c.command("ABOR", "426")
		c.reply("226")
		if got := i.content("f"); got != "content" {
			t.Errorf("got %q", got)
		}
	}
}

// channel opens a channel of SSH for a subsystem, or for a command to exec.
func (i *instance) channel(request, name string) ssh.Channel {
	i.t.Helper()
	c, err := i.dial("alice", ssh.Password("right"))
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { c.Close() })
	ch, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		i.t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	if ok, err := ch.SendRequest(request, true, ssh.Marshal(struct{ Name string }{name})); err != nil || !ok {
		i.t.Fatal("no", request, name, err)
	}
	return ch
}

// exec starts a command of SSH, whose acknowledgements are read with ack.
func (i *instance) exec(command string) (ch ssh.Channel, ack func()) {
	i.t.Helper()
	ch = i.channel("exec", command)
	return ch, func() {
		i.t.Helper()
		var b [1]byte
		if _, err := io.ReadFull(ch, b[:]); err != nil || b[0] != 0 {
			i.t.Fatal(b, err)
		}
	}
}

func TestAnSCPClientHasTheLastWord(t *testing.T) {
	t.Parallel()
	i := start(t, atomicUploads)
	i.files("f")
	ch, ack := i.exec("scp -t f")
	ack()
	fmt.Fprintf(ch, "C0644 20 f\n")
	ack()
	io.WriteString(ch, "half of i"+strings.Repeat("\x00", 11)) // as scp pads what it cannot read
	io.WriteString(ch, "\x01scp: f: Input/output error\n")
	ack()
	if got := i.content("f"); got != "content" {
		t.Errorf("the client has said that this is bad: %q", got)
	}
	i.wantFailed("/f", 1)
	// And one that leaves before it has sent anything.
	for range 20 {
		ch, ack := i.exec("scp -t f")
		ack()
		io.WriteString(ch, "C0644 5 f\n")
		ch.Close()
	}
	i.eventually("all have gone", func() error {
		if l := i.loaded(); l.Transfers > 0 {
			return fmt.Errorf("%+v", l)
		}
		return nil
	})
	if got := i.content("f"); got != "content" {
		t.Errorf("the client has sent nothing: %q", got)
	}
}

// wantFailed waits until the audit has so many failed transfers of a file.
func (i *instance) wantFailed(path string, n int) {
	i.t.Helper()
	i.eventually("the failure is told", func() error {
		failed := 0
		for _, line := range append(i.told(audit.Upload, audit.Failed), i.told(audit.Upload, audit.Aborted)...) {
			if line.Path == path {
				failed++
			}
		}
		if failed < n {
			return fmt.Errorf("%d of %d", failed, n)
		}
		return nil
	})
}

func TestAClientThatIsGoneHasCompletedNothing(t *testing.T) {
	t.Parallel()
	const times = 20
	i := start(t, atomicUploads)
	i.files("f")
	for n := range times {
		c := i.binary("alice")
		conn := c.begin("STOR f", "half")
		if n%2 == 0 { // the kernel of a client that was killed closes its connections in any order
			c.conn.Close()
			conn.Close()
		} else {
			conn.Close()
			c.conn.Close()
		}
	}
	i.wantFailed("/f", times)
	if got := i.content("f"); got != "content" {
		t.Errorf("got %q", got)
	}
	// One that says QUIT behind the data has not gone.
	c := i.binary("alice")
	conn := c.begin("STOR f", "all of it")
	conn.Close()
	c.send("QUIT")
	if err := c.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.reply("226")
	c.reply("221")
	if got := i.content("f"); got != "all of it" {
		t.Errorf("got %q", got)
	}
}

func TestAppendsOfAllProtocolsAndPodsLoseNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*instance){"plain": func(*instance) {}, "atomic": atomicUploads} {
		i := start(t, change)
		pod := start(t, change, func(other *instance) { other.config.Storage.Root = i.config.Storage.Root })
		const lines = 30
		var all sync.WaitGroup
		for w, on := range []*instance{i, i, pod} {
			c := on.binary("alice")
			all.Go(func() {
				for n := range lines {
					c.put("APPE log", fmt.Sprintf("ftp %d %d\n", w, n))
				}
			})
		}
		for w, on := range []*instance{i, pod} {
			s, _ := on.sftpSession()
			f, err := s.OpenFile("/log", os.O_WRONLY|os.O_APPEND|os.O_CREATE)
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				defer f.Close()
				for n := range lines {
					if _, err := fmt.Fprintf(f, "sftp %d %d\n", w, n); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if got := strings.Count(i.content("log"), "\n"); got != 5*lines {
			t.Errorf("%s: %d of %d lines are there", name, got, 5*lines)
		}
	}
}

func TestOrphansGo(t *testing.T) {
	t.Parallel()
	i := start(t, atomicUploads, func(i *instance) { i.config.Storage.KeepIncomplete = 1 })
	c := i.binary("alice")
	c.cut("STOR f", "half")
	conn := c.data()
	c.command("NLST", "150")
	_, _ = io.ReadAll(conn)
	c.reply("226")
	entries, err := os.ReadDir(filepath.Join(i.config.Storage.Root, "alice"))
	if err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}
