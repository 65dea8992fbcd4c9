package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// full is a valid configuration that uses every field.
func full() *Config {
	return &Config{
		Version: Version,
		Protocols: Protocols{
			FTP:  &FTP{Port: PortFTP, DataPort: PortFTPData, TLS: TLSRequired},
			FTPS: &FTPS{Port: PortFTPS, DataPort: PortFTPSData},
			SFTP: &SFTP{Port: PortSFTP},
		},
		Passive: &Passive{
			Ports:           PortRange{First: PassiveFirst, Last: PassiveLast},
			AdvertisedPorts: map[int]int{50000: 31000},
			Advertise: []AdvertiseRule{
				{Clients: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Addresses: []string{NodeAddress}},
				{Addresses: []string{"198.51.100.1", "ftp.example.com"}},
			},
			PeerCheck: PeerTLSSession,
		},
		TLS: &TLS{CertFile: "/tls/tls.crt", KeyFile: "/tls/tls.key", ClientAuth: ClientAuthRequired, ClientCAs: []string{"PEM"}, MinVersion: "1.1", CipherSuites: []string{"TLS_RSA_WITH_AES_128_CBC_SHA"}},
		SSH: &SSH{
			HostKeyFiles:      HostKeyPaths(),
			Banner:            "hello",
			TrustedUserCAKeys: []string{"ssh-ed25519 AAAA"},
			Algorithms:        SSHAlgorithms{Ciphers: []string{"aes128-gcm@openssh.com"}},
		},
		Storage:  Storage{Root: DataDir, AtomicUploads: true},
		UsersDir: UsersDir,
		Sessions: Sessions{
			Max: 100, MaxPerUser: 10, MaxPerAddress: 5,
			IdleTimeout: Duration(time.Minute), LoginGrace: Duration(time.Second),
			Bandwidth: Bandwidth{Upload: 1, Download: 2},
			Ban:       Ban{Failures: 5, Window: Duration(time.Minute), Duration: Duration(time.Hour)},
		},
		Drain:             Drain{AcceptFor: Duration(time.Second), Timeout: Duration(time.Minute)},
		FTPBanner:         "Hello\nthere",
		ProxyProtocolFrom: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	}
}

func fullUsers() *Users {
	expires := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	return &Users{Version: Version, Users: []User{{
		Name: "alice", PasswordHash: "$6$x", AuthorizedKeys: []string{"ssh-ed25519 AAAA"}, RequireAll: true,
		Home: "teams/alice", Access: AccessReadWrite, Paths: []PathRule{{Path: "/in", Access: AccessWriteOnly}},
		Protocols: []string{ProtocolSFTP}, AllowedSources: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")},
		ExpiresAt: &expires, Suspended: true,
		Limits: UserLimits{MaxSessions: 3, Bandwidth: Bandwidth{Upload: 4, Download: 5}},
	}}}
}

func TestConfigSurvivesItsFile(t *testing.T) {
	want := full()
	b, err := want.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), ConfigFile)
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	got, hash, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("the file gives back something else (-want +got):\n%s", diff)
	}
	if hash != Hash(b) {
		t.Errorf("Load's hash is %s, not that of the bytes, %s", hash, Hash(b))
	}
}

func TestUsersSurviveTheirFile(t *testing.T) {
	want := fullUsers()
	b, err := want.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseUsers(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("the file gives back something else (-want +got):\n%s", diff)
	}
}

func TestBadConfigIsRefusedWithTheFieldsName(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"a version of the future":           {func(c *Config) { c.Version = "v2" }, `version is "v2"; this server reads "v1"`},
		"no protocol":                       {func(c *Config) { c.Protocols = Protocols{} }, "protocols is empty; enable at least one of ftp, ftps and sftp"},
		"two protocols on one port":         {func(c *Config) { c.Protocols.SFTP.Port = 21 }, "protocols.sftp.port is 21, which is protocols.ftp.port too; give each its own"},
		"a data port on a control port":     {func(c *Config) { c.Protocols.FTP.DataPort = 21 }, "protocols.ftp.dataPort is 21, which is protocols.ftp.port too"},
		"a port that is none":               {func(c *Config) { c.Protocols.FTPS.Port = 70000 }, "protocols.ftps.port is 70000; a port is 1 to 65535"},
		"a passive range with another port": {func(c *Config) { c.Passive.Ports = PortRange{20, 60000} }, "protocols.ftp.port is 21, which is in passive.ports 20-60000; move one of them"},
		"a reversed passive range":          {func(c *Config) { c.Passive.Ports = PortRange{60000, 50000} }, "passive.ports is 60000-50000, which is reversed; write the smaller port first"},
		"a passive range beyond the ports":  {func(c *Config) { c.Passive.Ports.Last = 70000 }, "passive.ports is 50000-70000; ports are 1 to 65535"},
		"no passive range":                  {func(c *Config) { c.Passive = nil }, "passive is missing; FTP needs a range of passive ports"},
		"a told port outside the range":     {func(c *Config) { c.Passive.AdvertisedPorts[1] = 2 }, "passive.advertisedPorts[1] is not in passive.ports 50000-50039"},
		"a rule without an address":         {func(c *Config) { c.Passive.Advertise[0].Addresses = nil }, "passive.advertise[0].addresses is empty"},
		"an unknown peer check":             {func(c *Config) { c.Passive.PeerCheck = "Maybe" }, `passive.peerCheck is "Maybe"; it is Address, TLSSession or Any`},
		"an unknown TLS policy":             {func(c *Config) { c.Protocols.FTP.TLS = "" }, `protocols.ftp.tls is ""; it is Required, Optional or Disabled`},
		"no certificate":                    {func(c *Config) { c.TLS = nil }, "tls is missing; FTP with TLS needs a certificate"},
		"a relative certificate file":       {func(c *Config) { c.TLS.CertFile = "tls.crt" }, `tls.certFile is "tls.crt"; it is an absolute path`},
		"no host keys":                      {func(c *Config) { c.SSH.HostKeyFiles = nil }, "ssh.hostKeyFiles is empty; SFTP needs at least one host key"},
		"no SSH":                            {func(c *Config) { c.SSH = nil }, "ssh is missing; SFTP needs host keys"},
		"a relative storage root":           {func(c *Config) { c.Storage.Root = "data" }, `storage.root is "data"; it is an absolute path`},
		"a negative limit":                  {func(c *Config) { c.Sessions.Max = -1 }, "sessions.max is negative; zero is the default"},
		"a negative drain":                  {func(c *Config) { c.Drain.Timeout = -1 }, "drain has a negative duration"},
	} {
		t.Run(name, func(t *testing.T) {
			c := full()
			tc.change(c)
			_, err := c.Marshal()
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestBadUsersAreRefusedWithTheFieldsName(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Users)
		want   string
	}{
		"a name twice":            {func(u *Users) { u.Users = append(u.Users, u.Users[0]) }, `users[1].name is "alice", which another user has`},
		"no name":                 {func(u *Users) { u.Users[0].Name = "" }, `users[0].name is ""`},
		"a name with a newline":   {func(u *Users) { u.Users[0].Name = "a\nb" }, `users[0].name is "a\nb"`},
		"a home above the root":   {func(u *Users) { u.Users[0].Home = "../x" }, `users[0].home is "../x"`},
		"an absolute home":        {func(u *Users) { u.Users[0].Home = "/x" }, `users[0].home is "/x"`},
		"an unknown access":       {func(u *Users) { u.Users[0].Access = "All" }, `users[0].access is "All"`},
		"a relative path rule":    {func(u *Users) { u.Users[0].Paths[0].Path = "in" }, `users[0].paths[0].path is "in"`},
		"an unknown protocol":     {func(u *Users) { u.Users[0].Protocols[0] = "scp" }, `users[0].protocols[0] is "scp"`},
		"a negative limit":        {func(u *Users) { u.Users[0].Limits.MaxSessions = -1 }, "users[0].limits has a negative number"},
		"a version of the past":   {func(u *Users) { u.Version = "v0" }, `version is "v0"`},
		"an empty source network": {func(u *Users) { u.Users[0].AllowedSources = []netip.Prefix{{}} }, "users[0].allowedSources[0] is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			u := fullUsers()
			tc.change(u)
			_, err := u.Marshal()
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestBrokenFilesAreRefused(t *testing.T) {
	for name, tc := range map[string]struct{ file, want string }{
		"an unknown field":          {`{"version":"v1","prots":{}}`, `unknown field "prots"`},
		"a duration as a number":    {`{"version":"v1","drain":{"timeout":5}}`, `a duration is text such as "90s"`},
		"a duration without unit":   {`{"version":"v1","drain":{"timeout":"5"}}`, `a duration is text such as "90s"`},
		"two objects":               {`{"version":"v1"}{}`, "more after the end"},
		"a network that is none":    {`{"version":"v1","proxyProtocolFrom":["x"]}`, "netip.ParsePrefix"},
		"a truncated object":        {`{"version":"v1"`, "unexpected EOF"},
		"a field of the wrong kind": {`{"version":"v1","protocols":{"ftp":{"port":"21"}}}`, "protocols.ftp.port"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(tc.file))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	c := full()
	c.Version, c.TLS = "", nil
	if err := c.Validate(); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("got %v, want two errors", err)
	}
}

func TestNamesFitKubernetes(t *testing.T) {
	for _, name := range []string{PortNameFTP, PortNameFTPData, PortNameFTPS, PortNameFTPSData, PortNameSFTP, PortNameHTTP, PassivePortName(65535)} {
		if len(name) > 15 {
			t.Errorf("%q has more than the 15 characters that a container port's name may have", name)
		}
	}
}
