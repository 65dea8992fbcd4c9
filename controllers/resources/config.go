package resources

import (
	"cmp"
	"encoding/json"
	"path"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Defaults of the durations, as the API documents them.
const (
	defaultIdleTimeout = 15 * time.Minute
	defaultLoginGrace  = time.Minute
	defaultBan         = 10 * time.Minute
	defaultFailures    = 10
	defaultDrain       = 5 * time.Minute
	defaultAcceptFor   = 5 * time.Second
)

// Config is the server's configuration. What is younger than the others among
// its fields is left out where the spec leaves it out: the server knows the
// defaults, and one of an older image refuses fields that it does not know.
func (s Server) Config() *config.Config {
	served := s.Spec.ServedProtocols()
	c := &config.Config{
		Version:           config.Version,
		Storage:           s.storage(),
		UsersDir:          config.UsersDir,
		Sessions:          s.sessions(),
		ProxyProtocolFrom: prefixes(s.Spec.Expose.ProxyProtocolFrom),
		Audit:             s.audit(),
		Events:            s.events(),
		Drain: config.Drain{
			AcceptFor: config.Duration(s.Spec.Drain.AcceptFor.Or(defaultAcceptFor)),
			Timeout:   config.Duration(s.Spec.Drain.Timeout.Or(defaultDrain)),
		},
	}
	if f := served.FTP; f != nil {
		c.Protocols.FTP = &config.FTP{Port: int(f.Port), DataPort: int(f.DataPort), TLS: config.TLSPolicy(f.TLS)}
	}
	if f := served.FTPS; f != nil {
		c.Protocols.FTPS = &config.FTPS{Port: int(f.Port), DataPort: int(f.DataPort)}
	}
	if f := served.SFTP; f != nil {
		c.Protocols.SFTP = &config.SFTP{Port: int(f.Port)}
		c.SSH = s.ssh(f)
	}
	if served.HasPassive() {
		c.Passive = s.passive()
		c.ActiveMode = config.ActiveMode(s.ActiveMode())
		c.ASCII = config.ASCII(s.Spec.ASCII)
		c.FTPBanner = s.Spec.FTPBanner
	}
	if served.HasTLS() {
		c.TLS = &config.TLS{
			CertFile:     path.Join(config.TLSDir, config.TLSCertFile),
			KeyFile:      path.Join(config.TLSDir, config.TLSKeyFile),
			MinVersion:   string(s.Spec.TLS.MinVersion),
			CipherSuites: s.Spec.TLS.CipherSuites,
		}
		if wanted := s.Spec.TLS.ClientCertificates; wanted != nil {
			c.TLS.ClientAuth, c.TLS.ClientCAs = config.ClientAuth(wanted.Mode), s.ClientCAs
		}
	}
	return c
}

// nodesLearnIn is how much later than the first node the last one may learn of a
// new pod: kube-proxy waits up to a second between two changes of its rules
// (minSyncPeriod), each on its own, and then takes a moment for the change.
const nodesLearnIn = 1500 * time.Millisecond

func (s Server) passive() *config.Passive {
	r := s.Spec.PassivePorts()
	p := &config.Passive{
		Ports:           config.PortRange{First: int(r.First), Last: int(r.Last)},
		Advertise:       s.tell(),
		AdvertisedPorts: s.advertisedPorts(),
		PeerCheck:       config.PeerCheck(s.Spec.Passive.PeerCheck),
	}
	if p.PeerCheck == "" {
		p.PeerCheck = config.PeerAddress
		if s.HidesAddresses() {
			p.PeerCheck = config.PeerTLSSession
		}
	}
	if s.ByAnyNode() {
		p.AdvertiseAfter = config.Duration(nodesLearnIn)
	}
	return p
}

func (s Server) ssh(f *v1alpha1.SFTP) *config.SSH {
	c := &config.SSH{Banner: f.Banner, TrustedUserCAKeys: f.TrustedUserCAKeys}
	for _, name := range s.HostKeyFiles {
		c.HostKeyFiles = append(c.HostKeyFiles, path.Join(config.SSHDir, name))
	}
	if a := f.Algorithms; a != nil {
		c.Algorithms = config.SSHAlgorithms{
			KeyExchanges: a.KeyExchanges, Ciphers: a.Ciphers, MACs: a.MACs,
			HostKeys: a.HostKeys, PublicKeys: a.PublicKeys,
		}
	}
	return c
}

func (s Server) storage() config.Storage {
	in := s.Spec.Storage
	if in.Bucket != nil {
		return config.Storage{Bucket: bucketOf(in.Bucket), AtomicUploads: true, KeepIncomplete: config.Duration(in.KeepIncomplete.Or(0))}
	}
	return config.Storage{
		Root:           config.DataDir,
		AtomicUploads:  in.Uploads == v1alpha1.UploadAtomic,
		KeepIncomplete: config.Duration(in.KeepIncomplete.Or(0)),
		Umask:          config.Mode(in.Umask),
		FileMode:       config.Mode(in.FileMode),
		FolderMode:     config.Mode(in.FolderMode),
	}
}

func (s Server) sessions() config.Sessions {
	in := s.Spec.Sessions
	out := config.Sessions{
		Max:             int(in.Max),
		MaxPerUser:      int(in.MaxPerUser),
		MaxPerAddress:   int(in.MaxPerAddress),
		IdleTimeout:     config.Duration(in.IdleTimeout.Or(defaultIdleTimeout)),
		LoginGrace:      config.Duration(in.LoginGrace.Or(defaultLoginGrace)),
		StallTimeout:    config.Duration(in.StallTimeout.Or(0)),
		CountKeepAlives: in.CountKeepAlives,
		MaxBeforeLogin:  int(in.MaxBeforeLogin),
		Bandwidth:       bandwidth(in.Bandwidth),
	}
	ban := in.Ban
	if ban == nil {
		ban = &v1alpha1.Ban{}
	}
	if wantsBans(ban) && !s.HidesAddresses() {
		out.Ban = config.Ban{
			Failures: int(cmp.Or(ban.Failures, defaultFailures)),
			Window:   config.Duration(ban.Window.Or(defaultBan)),
			Duration: config.Duration(ban.Duration.Or(defaultBan)),
			Exempt:   prefixes(ban.Exempt),
		}
	}
	return out
}

func wantsBans(ban *v1alpha1.Ban) bool { return ban.Duration != v1alpha1.Never }

// LeavesOutBan says whether the spec wants bans, and the exposure hides the
// addresses of clients: a ban would be one of all who come by the same node.
func (s Server) LeavesOutBan() bool {
	ban := s.Spec.Sessions.Ban
	return ban != nil && wantsBans(ban) && s.HidesAddresses()
}

func bandwidth(in *v1alpha1.Bandwidth) config.Bandwidth {
	if in == nil {
		return config.Bandwidth{}
	}
	return config.Bandwidth{Upload: bytesPerSecond(in.Upload), Download: bytesPerSecond(in.Download)}
}

func bytesPerSecond(q *resource.Quantity) int64 {
	if q == nil {
		return 0
	}
	return q.Value()
}

// ConfigKey is the entry of the ConfigMap with the configuration of pods that can
// have it in force while they run: its cold fields, and the Secrets that pods
// mount, are the same. Pods of an older spec keep an entry of their own until they
// have gone, or they would be given what they cannot do. The key is part of the
// pod's template, so that a change of a cold field replaces pods.
func (s Server) ConfigKey() string {
	b, err := json.Marshal([]string{s.Config().ColdHash(), s.TLSSecret(), s.HostKeysSecret()})
	if err != nil {
		panic(err) // a list of texts
	}
	return "config-" + config.Hash(b)[:10] + ".json"
}

// ConfigMap holds the configuration of the wanted pods, and those of older
// ones that still run.
func (s Server) ConfigMap(files map[string]string) *corev1ac.ConfigMapApplyConfiguration {
	return corev1ac.ConfigMap(ConfigName(s.Name), s.Namespace).
		WithLabels(s.Labels()).
		WithOwnerReferences(s.Owner()).
		WithData(files)
}
