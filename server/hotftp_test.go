package server

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// hotFTP are the tests of what is hot about FTP, FTPS and their data connections.
var hotFTP = map[string]func(t *testing.T){
	"passive.advertisedPorts": func(t *testing.T) {
		i := start(t, func(i *instance) { i.config.Passive.Ports = freeRange(t, 2) }, ownPorts)
		c := i.user("alice")
		first := i.config.Passive.Ports.First
		i.config.Passive.AdvertisedPorts = map[int]int{first: 31000, first + 1: 31001}
		i.reloadFiles()
		if line := c.command("EPSV", "229"); !strings.Contains(line, "|||3100") {
			t.Errorf("got %q", line)
		}
	},
	"passive.advertise[].clients": func(t *testing.T) {
		i := start(t, func(i *instance) {
			i.config.Passive.Advertise = []config.AdvertiseRule{{Clients: prefixes("192.0.2.0/24"), Addresses: []string{"198.51.100.1"}}}
		})
		c := i.user("alice")
		c.command("PASV", "227 Entering Passive Mode (127,")
		i.config.Passive.Advertise[0].Clients = prefixes("127.0.0.0/8")
		i.reloadFiles()
		c.command("PASV", "227 Entering Passive Mode (198,51,100,1,")
	},
	"passive.advertise[].addresses": func(t *testing.T) {
		i := start(t)
		c := i.user("alice")
		i.config.Passive.Advertise = []config.AdvertiseRule{{Addresses: []string{"198.51.100.2"}}}
		i.reloadFiles()
		c.command("PASV", "227 Entering Passive Mode (198,51,100,2,")
	},
	"passive.peerCheck": func(t *testing.T) {
		i := start(t)
		c := i.user("alice")
		i.homeFile("f", "data")
		i.config.Passive.PeerCheck = config.PeerAny
		i.reloadFiles()
		line := c.command("EPSV", "229")
		conn := i.dialFrom("127.0.0.2", net.JoinHostPort("127.0.0.1", strings.Split(line, "|")[3]))
		c.command("RETR f", "150")
		if b, err := io.ReadAll(conn.Conn); string(b) != "data" {
			t.Errorf("a data connection from elsewhere gets %q, %v", b, err)
		}
		c.reply("226")
		i.config.Passive.PeerCheck = config.PeerAddress
		i.reloadFiles()
		line = c.command("EPSV", "229")
		i.dialFrom("127.0.0.2", net.JoinHostPort("127.0.0.1", strings.Split(line, "|")[3]))
		near := i.dialFrom("127.0.0.1", net.JoinHostPort("127.0.0.1", strings.Split(line, "|")[3]))
		c.command("RETR f", "150")
		if b, err := io.ReadAll(near.Conn); string(b) != "data" {
			t.Errorf("the client's own data connection gets %q, %v", b, err)
		}
		c.reply("226")
	},
	"passive.advertiseAfter": func(t *testing.T) {
		i := start(t, func(i *instance) { i.config.Passive.AdvertiseAfter = config.Duration(time.Hour) })
		c := i.user("alice")
		i.config.Passive.AdvertiseAfter = 0
		i.reloadFiles()
		c.command("EPSV", "229") // which would have waited for an hour
	},
	"activeMode": func(t *testing.T) {
		i := start(t)
		c := i.user("alice")
		c.command("PORT 127,0,0,1,200,0", "200")
		i.config.ActiveMode = config.ActiveRefused
		i.reloadFiles()
		c.command("PORT 127,0,0,1,200,0", "504")
	},
	"ftpBanner": func(t *testing.T) {
		i := start(t)
		c := i.user("alice")
		i.config.FTPBanner = "Another"
		i.reloadFiles()
		if line := c.command("REIN", "220"); !strings.Contains(line, "Another") {
			t.Errorf("got %q", line)
		}
		for port, dial := range map[string]func(addr string) (net.Conn, error){
			"21":  func(addr string) (net.Conn, error) { return net.Dial("tcp", addr) },
			"990": func(addr string) (net.Conn, error) { return tls.Dial("tcp", addr, insecure) },
		} {
			conn, err := dial(i.addrs[port])
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			(&control{i, conn, newReader(conn)}).reply("220 Another")
		}
	},
	"ascii": func(t *testing.T) {
		i := start(t)
		c := i.user("alice") // in TYPE A, as every session begins
		i.config.ASCII = config.ASCIIKeep
		i.reloadFiles()
		c.put("STOR f", "a\r\n")
		if got := i.content("f"); got != "a\r\n" {
			t.Errorf("stored is %q", got)
		}
	},
	"proxyProtocolFrom": func(t *testing.T) {
		i := start(t)
		i.config.ProxyProtocolFrom = prefixes("127.0.0.0/8")
		i.reloadFiles()
		conn, err := net.Dial("tcp", i.addrs["21"])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		header := "PROXY TCP4 198.51.100.7 127.0.0.1 4000 21\r\n"
		io.WriteString(conn, header)
		c := &control{i, conn, newReader(conn)}
		c.reply("220")
		c.command("USER alice", "331")
		c.command("PASS right", "230")
		i.homeFile("f", "data")
		line := c.command("EPSV", "229")
		data, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strings.Split(line, "|")[3]))
		if err != nil {
			t.Fatal(err)
		}
		defer data.Close()
		io.WriteString(data, header) // data connections have one too
		c.command("RETR f", "150")
		if b, err := io.ReadAll(data); string(b) != "data" {
			t.Errorf("got %q, %v", b, err)
		}
		c.reply("226")
	},
}
