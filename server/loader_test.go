package server

import (
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// mutated returns content with something changed, cut off or put in.
func mutated(r *rand.Rand, content []byte) []byte {
	b := append([]byte(nil), content...)
	for range 1 + r.IntN(3) {
		at := r.IntN(len(b) + 1)
		switch r.IntN(5) {
		case 0:
			b = b[:at]
		case 1:
			b = append(b[:at:at], append([]byte{byte(r.IntN(256))}, b[at:]...)...)
		case 2:
			if at < len(b) {
				b[at] ^= 1 << r.IntN(8)
			}
		case 3:
			end := at + r.IntN(len(b)-at+1)
			b = append(b[:at:at], b[end:]...)
		case 4:
			words := []string{"null", "-1", "1e999", `""`, "[]", "{}", "\x00", "99999999999999999999", `"\ud800"`, "true"}
			b = append(b[:at:at], append([]byte(words[r.IntN(len(words))]), b[at:]...)...)
		}
	}
	return b
}

// No file makes a server panic, whether it starts with it or is given it while it
// runs; and after each, a good one is in force. What contains panics in a server is
// not around the functions here.
func TestNoFileMakesTheServerPanicOrRefuseAGoodOneLater(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	c := &config.Config{
		Version: config.Version,
		Protocols: config.Protocols{
			FTP: &config.FTP{Port: 21, DataPort: 20, TLS: config.TLSOptional}, FTPS: &config.FTPS{Port: 990, DataPort: 989}, SFTP: &config.SFTP{Port: 22},
		},
		Passive: &config.Passive{
			Ports: config.PortRange{First: 50000, Last: 50009}, AdvertisedPorts: map[int]int{50000: 31000},
			Advertise: []config.AdvertiseRule{{Clients: prefixes("10.0.0.0/8"), Addresses: []string{"node"}}},
		},
		TLS: &config.TLS{CertFile: path("tls.crt"), KeyFile: path("tls.key"), ClientAuth: config.ClientAuthOptional, ClientCAs: []string{"PEM"}, CipherSuites: []string{"TLS_X"}},
		SSH: &config.SSH{
			HostKeyFiles: []string{path("host_key")}, TrustedUserCAKeys: []string{"ssh-ed25519 AAAA"},
			Algorithms: config.SSHAlgorithms{Ciphers: []string{"aes256-ctr"}},
		},
		Storage: config.Storage{Root: dir}, UsersDir: dir,
		Sessions:          config.Sessions{Max: 1, Ban: config.Ban{Failures: 1, Exempt: prefixes("192.0.2.0/24")}},
		ProxyProtocolFrom: prefixes("198.51.100.0/24"),
	}
	writeCertificate(t, c.TLS)
	writeHostKey(t, c.SSH.HostKeyFiles[0])
	alice := user(t, "alice")
	alice.AuthorizedKeys = []string{`from="10.0.0.0/8" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm8AP6O9MJY0UmrPIH5Y6tDsyX9bSYsMWcJsjF1wMUr`}
	alice.AllowedSources, alice.Paths = prefixes("10.0.0.0/8"), []config.PathRule{{Path: "/in", Access: config.AccessNone}}
	users := &config.Users{Version: config.Version, Users: []config.User{alice}}
	good := map[string][]byte{}
	for name, v := range map[string]interface{ Marshal() ([]byte, error) }{"config.json": c, "users.json": users} {
		b, err := v.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		good[name] = b
		if err := os.WriteFile(path(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"config.json", "users.json", "tls.crt", "tls.key", "host_key"}
	for _, name := range names[2:] {
		b, err := os.ReadFile(path(name))
		if err != nil {
			t.Fatal(err)
		}
		good[name] = b
	}
	quiet := Options{ConfigPath: path("config.json"), Logger: slog.New(slog.DiscardHandler)}
	s, err := New(quiet)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 400 {
		name := names[n%len(names)]
		bad := mutated(r, good[name])
		if err := os.WriteFile(path(name), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if f, err := readFiles(path("config.json"), nil); err == nil {
			f.listeners()
			if started, err := New(quiet); err != nil {
				t.Fatalf("%s is read, and no server starts with it: %v\n%q", name, err, bad)
			} else {
				started.loaded()
			}
		} else if name != "config.json" {
			t.Fatalf("%s keeps a server from starting: %v\n%q", name, err, bad)
		}
		if f, err := readFiles(path("config.json"), s.inForce.Load()); err == nil {
			s.use(f)
		}
		if err := os.WriteFile(path(name), good[name], 0o600); err != nil {
			t.Fatal(err)
		}
		s.reload()
		if l := s.loaded(); l.Error != "" || l.Config != config.Hash(good["config.json"]) || l.Users["users.json"] != config.Hash(good["users.json"]) || len(l.Cold) > 0 {
			t.Fatalf("after %s was good again, it says %+v\n%q", name, l, bad)
		}
	}
}
