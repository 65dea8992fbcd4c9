package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/cmd/kubectl-fileserver/internal/diagnose"
)

// errSeen ends a key exchange when the host key is known.
var errSeen = errors.New("the host key has been seen")

// trySFTP tries an endpoint of SFTP: who it is, each host key that the status has, and
// a session of the user.
func (p *prober) trySFTP(ctx context.Context, a diagnose.Attempt) {
	p.Progress("sftp at " + a.Where())
	if step, err := p.identify(ctx, a); err != nil {
		p.add(a, step, err)
		return
	}
	types := []string{""}
	for _, key := range p.Expected.HostKeys {
		types = append(types, key.Type)
	}
	if len(types) > 1 {
		types = types[1:]
	}
	known := true
	for _, kind := range types {
		b := a
		key, err := p.hostKey(ctx, a, kind)
		b.HostKey = key
		p.add(b, diagnose.Secure, err)
		known = known && err == nil && p.isHostKey(key)
	}
	if !known || !p.logsIn(a.Protocol) {
		return
	}
	step, err := p.listSFTP(ctx, a)
	if step == diagnose.LogIn && err != nil {
		p.refused = true
	}
	p.add(a, step, err)
}

func (p *prober) isHostKey(key *diagnose.HostKey) bool {
	for _, k := range p.Expected.HostKeys {
		if key != nil && k == *key {
			return true
		}
	}
	return len(p.Expected.HostKeys) == 0
}

// identify reads the identification of the server (RFC 4253 section 4.2), before which
// it may say other lines.
func (p *prober) identify(ctx context.Context, a diagnose.Attempt) (diagnose.Step, error) {
	conn, err := p.dial(ctx, addrPort(a))
	if err != nil {
		return diagnose.Connect, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(p.Timeout)); err != nil {
		return diagnose.Greet, err
	}
	reader := bufio.NewReaderSize(conn, 1024)
	first := ""
	for range 20 {
		line, _, err := reader.ReadLine()
		if err != nil {
			if first != "" {
				return diagnose.Greet, &foreignError{first}
			}
			return diagnose.Greet, err
		}
		if strings.HasPrefix(string(line), "SSH-2.0-") {
			return diagnose.Done, nil
		}
		if first == "" {
			first = shorten(string(line))
		}
		if len(line) > 3 && line[0] >= '1' && line[0] <= '5' && (line[3] == ' ' || line[3] == '-') || strings.HasPrefix(string(line), "HTTP/") {
			return diagnose.Greet, &foreignError{first} // FTP, SMTP, HTTP, ...
		}
	}
	return diagnose.Greet, &foreignError{first}
}

// hostKey asks for the host key of a type, and goes no further.
func (p *prober) hostKey(ctx context.Context, a diagnose.Attempt, kind string) (seen *diagnose.HostKey, err error) {
	config := &ssh.ClientConfig{
		User: "check", HostKeyAlgorithms: algorithms(kind), Timeout: p.Timeout,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			seen = &diagnose.HostKey{Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key)}
			return errSeen
		},
	}
	client, err := p.handshake(ctx, a, config)
	if seen != nil {
		return seen, nil
	}
	if err == nil { // which a handshake without its callback is not
		err = client.Close()
	}
	return nil, err
}

func algorithms(kind string) []string {
	switch kind {
	case "":
		return nil
	case ssh.KeyAlgoRSA:
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	}
	return []string{kind}
}

func (p *prober) handshake(ctx context.Context, a diagnose.Attempt, config *ssh.ClientConfig) (*ssh.Client, error) {
	conn, err := p.dial(ctx, addrPort(a))
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(p.Timeout)); err != nil {
		return nil, err
	}
	c, channels, requests, err := ssh.NewClientConn(conn, a.Where(), config)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil
}

// listSFTP logs in and lists the top folder.
func (p *prober) listSFTP(ctx context.Context, a diagnose.Attempt) (diagnose.Step, error) {
	var methods []ssh.AuthMethod
	if len(p.Signers) > 0 {
		methods = append(methods, ssh.PublicKeys(p.Signers...))
	}
	if p.Password != "" {
		methods = append(methods, ssh.Password(p.Password))
	}
	client, err := p.handshake(ctx, a, &ssh.ClientConfig{
		User: p.Expected.User.Name, Auth: methods, Timeout: p.Timeout,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			if !p.isHostKey(&diagnose.HostKey{Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key)}) {
				return errors.New("the host key is another one than before")
			}
			return nil
		},
	})
	if err != nil {
		if strings.Contains(err.Error(), "unable to authenticate") {
			err = &replyError{0, "the server takes none of the credentials"}
		}
		return diagnose.LogIn, err
	}
	defer client.Close()
	files, err := sftp.NewClient(client)
	if err != nil {
		return diagnose.Transfer, fmt.Errorf("starting SFTP: %w", err)
	}
	defer files.Close()
	if p.Expected.User.SeesNothing {
		return diagnose.Done, nil
	}
	if _, err := files.Stat("."); err != nil {
		return diagnose.Transfer, fmt.Errorf("looking at the top folder: %w", err)
	}
	return diagnose.Done, nil
}
