package probe

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/fileserver-dev/fileserver-operator/cmd/kubectl-fileserver/internal/diagnose"
	"github.com/fileserver-dev/fileserver-operator/server"
	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

// deadline is long because the machine may be busy.
const deadline = 60 * time.Second

// start runs a server, and says what it promises to a user who may do everything.
func start(t *testing.T, addresses ...string) Options {
	t.Helper()
	dir := t.TempDir()
	ports, err := fixture.FreePorts(4)
	if err != nil {
		t.Fatal(err)
	}
	cert, host := fixture.NewCertificate(), fixture.NewSSHKey()
	err = errors.Join(fixture.WriteKeys(dir, cert, host), fixture.WriteConfig(dir, fixture.Config(dir, ports), fixture.User("alice", "right")))
	if err != nil {
		t.Fatal(err)
	}
	run(t, dir, ports)
	leaf, err := x509.ParseCertificate(cert.TLS.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	e := diagnose.Expected{
		Name: "partners", Ready: true, Certificate: fingerprint(leaf), Exposure: "HostNetwork", Active: true, SameAddress: true,
		HostKeys: []diagnose.HostKey{{Type: "ssh-ed25519", Fingerprint: ssh.FingerprintSHA256(host.Signer.PublicKey())}},
		User:     &diagnose.User{Name: "alice", Ready: true},
		Slots:    []diagnose.Slot{{Pod: "partners-0"}},
	}
	for port := ports.Passive.First; port <= ports.Passive.Last; port++ {
		e.Slots[0].Ports = append(e.Slots[0].Ports, port)
	}
	for _, address := range addresses {
		for protocol, port := range map[string]int{diagnose.FTP: ports.FTP, diagnose.FTPS: ports.FTPS, diagnose.SFTP: ports.SFTP} {
			e.Endpoints = append(e.Endpoints, diagnose.Endpoint{Protocol: protocol, Address: address, Port: port})
		}
	}
	return Options{Expected: e, Roots: roots, Password: "right", Timeout: deadline}
}

func run(t *testing.T, dir string, ports fixture.Ports) {
	t.Helper()
	s, err := server.New(server.Options{
		ConfigPath: filepath.Join(dir, fixture.ConfigFile), HTTPAddress: fixture.Address(ports.HTTP), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		<-done
	})
	ready := "http://" + fixture.Address(ports.HTTP) + config.PathReady
	for until := time.Now().Add(deadline); ; time.Sleep(10 * time.Millisecond) {
		if r, err := http.Get(ready); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(until) {
			t.Fatal("the server is not ready")
		}
	}
}

// verdict is what comes of it all.
func verdict(o Options) (*diagnose.Finding, []diagnose.Attempt) {
	attempts := Run(context.Background(), o)
	return diagnose.Of(diagnose.Found{Expected: o.Expected, Attempts: attempts, Now: time.Now()}), attempts
}

func TestAHealthyServerGivesNoFindingAndEachPortIsTried(t *testing.T) {
	t.Parallel()
	o := start(t, "127.0.0.1", "::1")
	o.EveryPort = true
	finding, attempts := verdict(o)
	if finding != nil {
		t.Errorf("nothing is wrong, and it says %+v", *finding)
	}
	tried, listed := map[int]bool{}, map[string]bool{}
	for _, a := range attempts {
		if !a.OK() {
			t.Errorf("%s %s %s: %s", a.Protocol, a.Where(), a.Mode, a.Result())
		}
		if a.Told.IsValid() {
			tried[int(a.Told.Port())] = true
		}
		listed[fmt.Sprint(a.Protocol, " ", a.IP.Is6(), " ", a.Mode)] = true
	}
	for _, port := range o.Expected.Slots[0].Ports {
		if !tried[port] {
			t.Errorf("port %d was not tried", port)
		}
	}
	for _, want := range []string{"ftp false PASV", "ftp false EPSV", "ftps false PORT", "ftps true EPRT", "ftp true EPSV", "sftp true ", "sftp false "} {
		if !listed[want] {
			t.Errorf("%q was not tried", want)
		}
	}
	if r := diagnose.Remarks(diagnose.Found{Expected: o.Expected, Attempts: attempts}); len(r) > 0 {
		t.Errorf("there is something to remark: %q", r)
	}
}

func TestNobodyLogsInWithoutAUser(t *testing.T) {
	t.Parallel()
	o := start(t, "127.0.0.1")
	o.Expected.User = nil
	finding, attempts := verdict(o)
	if finding != nil {
		t.Errorf("nothing is wrong, and it says %+v", *finding)
	}
	if slices.ContainsFunc(attempts, func(a diagnose.Attempt) bool { return a.Mode != "" || !a.OK() }) || len(attempts) != 3 {
		t.Errorf("got %+v", attempts)
	}
}

func TestWhatARealServerDoesNotPromiseIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		put  func(*Options)
		want string
	}{
		"another certificate":          {func(o *Options) { o.Expected.Certificate = "aa11" }, "and that of the server is aa11"},
		"another host key":             {func(o *Options) { o.Expected.HostKeys[0].Fingerprint = "SHA256:other" }, "which is none of the server's"},
		"another authority":            {func(o *Options) { o.Roots = x509.NewCertPool() }, "not signed by the authority"},
		"another password":             {func(o *Options) { o.Password = "wrong" }, "alice is refused"},
		"a closed port":                {func(o *Options) { o.Expected.Endpoints[0].Port = closedPort(t) }, "does not answer (refused)"},
		"a host key that there is not": {func(o *Options) { o.Expected.HostKeys[0].Type = ssh.KeyAlgoRSA }, "SSH's key exchange fails"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := start(t, "127.0.0.1")
			c.put(&o)
			finding, attempts := verdict(o)
			wants(t, finding, attempts, c.want)
			logins := 0
			for _, a := range attempts {
				if a.Step == diagnose.LogIn {
					logins++
				}
			}
			if logins > 1 {
				t.Errorf("%d logins failed: that could lead to a ban", logins)
			}
		})
	}
}
