package server

import (
	"bufio"
	"crypto/fips140"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// approved are the algorithms that SSH may use under FIPS 140-3 (SP 800-131A, FIPS 186-5,
// SP 800-56A, FIPS 203).
var approved = map[string][]string{
	"key exchange": {"mlkem768x25519-sha256", "mlkem768nistp256-sha256", "mlkem1024nistp384-sha384", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
		"ecdh-sha2-nistp521", "diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512", "kex-strict-s-v00@openssh.com", "ext-info-s"},
	"host key": {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-256", "rsa-sha2-512", "ssh-ed25519"},
	"cipher":   {"aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"},
	"MAC":      {"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"},
}

const fipsServer = "FIPS_TEST_SERVER"

// The server that is built with GOFIPS140 runs in the mode that GODEBUG switches on here. A
// server of another process is asked, for in that mode a client would offer nothing else
// either.
func TestInFIPSModeOnlyApprovedAlgorithmsAreOffered(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServerInFIPSMode$", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=on", fipsServer+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer stdin.Close() // the other one ends then
	addresses := map[string]string{}
	for lines := bufio.NewScanner(stdout); len(addresses) < 2 && lines.Scan(); {
		if name, address, ok := strings.Cut(lines.Text(), " listens at "); ok {
			addresses[name] = address
		}
	}
	if len(addresses) < 2 {
		t.Fatal("the server in FIPS mode does not start")
	}
	for kind, names := range approved {
		for _, name := range sshOffer(t, addresses["ssh"], kind) {
			if !slices.Contains(names, name) {
				t.Errorf("the server offers the %s %s", kind, name)
			}
		}
	}
	client, err := ssh.Dial("tcp", addresses["ssh"], sshUser())
	if err != nil {
		t.Errorf("nobody can log in: %v", err)
	} else {
		client.Close()
	}
	for name, c := range map[string]struct {
		client *tls.Config
		ok     bool
	}{
		"what is approved":     {&tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP256}}, true},
		"TLS 1.2 with AES-GCM": {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, CurvePreferences: []tls.CurveID{tls.CurveP256}}, true},
		"ChaCha20 of TLS 1.2":  {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}}, false},
		"CBC of TLS 1.2":       {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		"key exchange X25519":  {&tls.Config{CurvePreferences: []tls.CurveID{tls.X25519}}, false},
		"a version before 1.2": {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
	} {
		c.client.InsecureSkipVerify = true
		conn, err := tls.Dial("tcp", addresses["ftps"], c.client)
		if err == nil {
			conn.Close()
		}
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestServerInFIPSMode is the server of the test above.
func TestServerInFIPSMode(t *testing.T) {
	if os.Getenv(fipsServer) == "" {
		return
	}
	if !fips140.Enabled() {
		t.Fatal("this is no FIPS mode")
	}
	i := start(t)
	fmt.Println("ssh listens at", i.addrs["22"])
	fmt.Println("ftps listens at", i.addrs["990"])
	io.Copy(io.Discard, os.Stdin)
	fmt.Fprintln(os.Stderr, i.logs.String()) // shown when the other test fails
}

func sshUser() *ssh.ClientConfig {
	return &ssh.ClientConfig{User: "alice", Auth: []ssh.AuthMethod{ssh.Password("right")}, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: time.Minute}
}

// sshOffer is what the server has of a kind of algorithms, as a client is told that has
// nothing in common with it.
func sshOffer(t *testing.T, address, kind string) []string {
	t.Helper()
	c := sshUser()
	switch kind {
	case "key exchange":
		c.KeyExchanges = []string{ssh.InsecureKeyExchangeDH1SHA1}
	case "host key":
		c.HostKeyAlgorithms = []string{"ssh-dss"}
	case "cipher":
		c.Ciphers = []string{ssh.InsecureCipherRC4}
	case "MAC":
		c.Ciphers, c.MACs = []string{ssh.CipherAES128CTR}, []string{ssh.InsecureHMACSHA196}
	}
	_, err := ssh.Dial("tcp", address, c)
	nothing, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err)
	if !ok || len(nothing.RequestedAlgorithms) == 0 {
		t.Fatalf("the server does not tell its %s algorithms: %v", kind, err)
	}
	return nothing.RequestedAlgorithms
}
