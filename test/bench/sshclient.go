package main

import (
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// sshSession is a connection on which SFTP has begun.
type sshSession struct{ *ssh.Client }

// openSSH logs in and begins SFTP. The algorithms are fixed, and cheap, so that
// the client's part in it is small and the same for all servers.
func (b *bench) openSSH(addr string) (*sshSession, error) {
	client, err := ssh.Dial("tcp", addr, &ssh.ClientConfig{
		Config: ssh.Config{KeyExchanges: []string{"curve25519-sha256"}, Ciphers: []string{b.cipher}},
		User:   account,
		Auth:   []ssh.AuthMethod{ssh.PublicKeys(b.signer)},
		// The server was started by this program.
		HostKeyCallback: func(string, net.Addr, ssh.PublicKey) error { return nil },
		Timeout:         patience,
	})
	if err != nil {
		return nil, err
	}
	if err := beginSFTP(client); err != nil {
		client.Close()
		return nil, err
	}
	return &sshSession{client}, nil
}

func beginSFTP(client *ssh.Client) error {
	timer := time.AfterFunc(patience, func() { client.Close() })
	defer timer.Stop()
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	in, err := session.StdinPipe()
	if err != nil {
		return err
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return err
	}
	if err := session.RequestSubsystem("sftp"); err != nil {
		return err
	}
	// SSH_FXP_INIT of version 3, answered by SSH_FXP_VERSION.
	if _, err := in.Write([]byte{0, 0, 0, 5, 1, 0, 0, 0, 3}); err != nil {
		return err
	}
	head := make([]byte, 5)
	if _, err := io.ReadFull(out, head); err != nil {
		return err
	}
	if head[4] != 2 {
		return errors.New("the server does not begin SFTP")
	}
	return nil
}
