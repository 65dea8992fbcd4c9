package resources

import (
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Missing says what could not be found out that the configuration needs.
type Missing struct {
	Exposure  bool // where clients reach the server
	HostKeys  bool // the entries of the Secret with the SSH host keys
	ClientCAs bool // the authorities of client certificates
}

// KeepLast is the wanted configuration, in which what is missing is as it was applied
// last, so that all else that was changed is in force at once. It has no answer if
// that was not known then either; authorities alone can be missing from the start:
// until there are some, nobody has a certificate of one.
func KeepLast(wanted, last *config.Config, missing Missing) (*config.Config, bool) {
	c := *wanted
	if missing.Exposure && c.Passive != nil {
		if last == nil || last.Passive == nil {
			return nil, false
		}
		passive := *c.Passive
		passive.Advertise, passive.AdvertisedPorts = last.Passive.Advertise, last.Passive.AdvertisedPorts
		c.Passive = &passive
	}
	if missing.HostKeys && c.SSH != nil {
		if last == nil || last.SSH == nil {
			return nil, false
		}
		ssh := *c.SSH
		ssh.HostKeyFiles = last.SSH.HostKeyFiles
		c.SSH = &ssh
	}
	if missing.ClientCAs && c.TLS != nil && last != nil && last.TLS != nil {
		tls := *c.TLS
		tls.ClientCAs = last.TLS.ClientCAs
		c.TLS = &tls
	}
	return &c, true
}

// OlderConfig is the file of pods that keep the cold fields of an older one, and
// have the hot fields of the wanted configuration in force until they are replaced.
// What is missing stays as it was. Where that is not possible, the file stays as it is.
func OlderConfig(file string, wanted *config.Config, missing Missing) string {
	older, err := config.Parse([]byte(file))
	if err != nil {
		return file
	}
	c, _ := config.Reload(older, wanted)
	c, ok := KeepLast(c, older, missing)
	if !ok {
		return file
	}
	if c.Passive != nil {
		passive := *c.Passive
		passive.AdvertisedPorts = older.Passive.AdvertisedPorts // of their own ports
		c.Passive = &passive
	}
	b, err := c.Marshal()
	if err != nil {
		return file
	}
	return string(b)
}
