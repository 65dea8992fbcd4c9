package sftp

import (
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"testing"

	"golang.org/x/crypto/ssh"
)

// What drainSSH needs is no part of x/crypto's API. A version that has it no more
// is found out here, and not by goroutines that stay.
func TestTheReceivedPacketsOfAConnectionAreFound(t *testing.T) {
	t.Parallel()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		client, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			return
		}
		defer client.Close()
		conn, _, _, err := ssh.NewClientConn(client, "", &ssh.ClientConfig{
			User: "alice", HostKeyCallback: ssh.FixedHostKey(signer.PublicKey()),
		})
		if err == nil {
			_ = conn.Wait() // until the server closes
		}
	}()
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(signer)
	conn, _, _, err := ssh.NewServerConn(accepted, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if incomingOf(conn.Conn) == nil {
		t.Error("this version of x/crypto keeps the received packets elsewhere: mend incomingOf")
	}
}
