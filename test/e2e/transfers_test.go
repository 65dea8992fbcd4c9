//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
	"github.com/fileserver-dev/fileserver-operator/test/operator"
)

const manifest = `
apiVersion: fileserver.dev/v1alpha1
kind: FileServer
metadata: {name: files}
spec: %s
---
apiVersion: fileserver.dev/v1alpha1
kind: FileServerUser
metadata: {name: alice}
spec: {serverRef: {name: files}}
---
apiVersion: fileserver.dev/v1alpha1
kind: FileServerUser
metadata: {name: bob}
spec: {serverRef: {name: files}, authorizedKeys: [%q]}
`

// serve makes the file server "files" with that spec, and its users: alice with
// a password, bob with a key.
func (n *space) serve(spec string) clients.Target {
	n.t.Helper()
	key, public, err := operator.MakeKey(n.t.Context(), n.dir)
	if err != nil {
		n.t.Fatal(err)
	}
	n.apply(fmt.Sprintf(manifest, spec, public))
	n.waitReady("fileserver/files", "fileserveruser/alice", "fileserveruser/bob")
	return n.target(key)
}

func (n *space) target(key string) clients.Target {
	n.t.Helper()
	target, err := operator.Target(n.t.Context(), kube, n.name, "files", "alice", "bob", key, n.dir)
	if err != nil {
		n.t.Fatal(err)
	}
	return target
}

// TestEveryClientMovesFiles is the demo's table as assertions, on two nodes.
func TestEveryClientMovesFiles(t *testing.T) {
	for name, tc := range map[string]struct {
		spec  string
		plain bool
	}{
		"by-default":        {"{}", false},
		"with-TLS-optional": {"{protocols: {ftp: {tls: Optional}, sftp: {}}}", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newSpace(t)
			target := n.serve(tc.spec)
			file := n.file("file", strings.Repeat("all work and no play\r\n", 100_000))
			for _, test := range clients.Cases() {
				if test.Plain() != tc.plain {
					continue
				}
				t.Run(test.Name(), func(t *testing.T) {
					if missing := test.Missing(); missing != "" {
						t.Fatalf("%s is not installed", missing)
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					for _, r := range test.Run(ctx, target, kube.Client, file, tempDir(t)) {
						if r.Err != nil {
							t.Errorf("%s: %v", r.Direction, r.Err)
							continue
						}
						t.Logf("%s: %d bytes in %s", r.Direction, r.Bytes, r.Duration.Round(time.Millisecond))
					}
				})
			}
		})
	}
}

// TestAPortThatWasTriedInVainWorks has a client come from a port from which it
// came before, when the balancer's address belonged to another FileServer, on
// another node, and nobody answered. Connection tracking remembers such for two
// minutes, and here it is told so.
func TestAPortThatWasTriedInVainWorks(t *testing.T) {
	insideOnly(t)
	n := newSpace(t)
	target := n.serve("{}")
	// The router's mark of the other node (NodeMark of hack/cluster/network).
	mark := map[string]string{"node0": "0x101", "node1": "0x100"}[n.kubectl("get", "pods", "-o", "jsonpath={.items[*].spec.nodeName}")]
	const from, port = "203.0.113.10", "20021"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, err := kube.On(ctx, "router", "conntrack", "-I", "-p", "tcp", "--state", "SYN_SENT", "-t", "100", "-m", mark,
		"-s", from, "--sport", port, "-d", target.Host, "--dport", fmt.Sprint(target.FTP)).CombinedOutput(); err != nil {
		t.Fatalf("conntrack: %v: %s", err, out)
	}
	const script = `
import socket, sys
address, port, own, ownPort = sys.argv[1:]
print(socket.create_connection((address, int(port)), 10, (own, int(ownPort))).recv(100))
`
	if out, err := kube.Client(ctx, "python3", "-c", script, target.Host, fmt.Sprint(target.FTP), from, port).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestActiveDataConnectionsLeaveFromTheirPorts has the server connect to a
// client that tells where the connection came from.
func TestActiveDataConnectionsLeaveFromTheirPorts(t *testing.T) {
	n := newSpace(t)
	target := n.serve("{}")
	const script = `
import ftplib, socket, ssl, sys
host, port, user, password, ca, implicit = sys.argv[1:]
ctx = ssl.create_default_context(cafile=ca)
class Implicit(ftplib.FTP_TLS):
    @property
    def sock(self): return self._sock
    @sock.setter
    def sock(self, s):
        if s is not None and not isinstance(s, ssl.SSLSocket): s = self.context.wrap_socket(s, server_hostname=self.host)
        self._sock = s
ftp = (Implicit if implicit == "yes" else ftplib.FTP_TLS)(context=ctx, timeout=20)
ftp.connect(host, int(port)); ftp.login(user, password); ftp.prot_p()
listener = ftp.makeport()
ftp.putcmd("LIST")
conn, peer = listener.accept()
tls = ctx.wrap_socket(conn, server_hostname=host)
while tls.recv(8192): pass
print(peer[1])
`
	for name, tc := range map[string]struct {
		port     int
		implicit string
		want     string
	}{
		"explicit": {target.FTP, "no", "20"},
		"implicit": {target.FTPS, "yes", "989"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		out, err := kube.Client(ctx, "python3", "-c", script, target.Host, fmt.Sprint(tc.port), target.User, target.Password, target.CAFile, tc.implicit).CombinedOutput()
		cancel()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if got := lines[len(lines)-1]; err != nil || got != tc.want {
			t.Errorf("%s: the data connection came from port %s, %v, want %s\n%s", name, got, err, tc.want, out)
		}
	}
}
