package check

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// A Key is a public key of a user, with what restricts its use.
type Key struct {
	Blob    string         // SSH's wire format
	From    []netip.Prefix // where it may be used; empty: anywhere
	Not     []netip.Prefix // and where not
	Expires time.Time      // zero: never
}

// needless are options that make no difference here: there is no terminal and no
// forwarding, and whether a key in hardware was touched is not asked of it less
// than the option allows.
var needless = []string{
	"restrict", "no-pty", "no-port-forwarding", "no-agent-forwarding", "no-x11-forwarding", "no-user-rc",
	"pty", "port-forwarding", "agent-forwarding", "x11-forwarding", "user-rc",
	"permitopen", "permitlisten", "environment", "tunnel", "no-touch-required",
}

// ParseKey parses a line of authorized_keys (sshd(8)). A key with a restriction
// that cannot be kept is an error, since without it the key would do more than
// whoever wrote the line has meant. Errors never hold the line.
func ParseKey(line string) (Key, error) {
	var k Key
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return k, errors.New("is no public key")
	}
	k.Blob = string(key.Marshal())
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		name, value = strings.ToLower(name), strings.Trim(value, `"`)
		switch {
		case slices.Contains(needless, name):
		case name == "from":
			err = k.setFrom(value)
		case name == "expiry-time":
			k.Expires, err = parseExpiry(value)
		case name == "command" && value == "internal-sftp":
		case name == "cert-authority":
			err = errors.New("is of a certificate authority; those belong to the server's trusted user CAs")
		default:
			err = fmt.Errorf("has the option %.40q, which cannot be kept", name)
		}
		if err != nil {
			return Key{}, err
		}
	}
	return k, nil
}

// setFrom parses from="...": addresses and networks, with "!" those that are
// left out.
func (k *Key) setFrom(value string) error {
	for part := range strings.SplitSeq(value, ",") {
		pattern, not := strings.CutPrefix(strings.TrimSpace(part), "!")
		network, err := netip.ParsePrefix(pattern)
		if err != nil {
			addr, err := netip.ParseAddr(pattern)
			if err != nil {
				return errors.New(`has the option "from" with something that is neither an address nor a network`)
			}
			network = netip.PrefixFrom(addr.Unmap().WithZone(""), addr.Unmap().BitLen())
		}
		if not {
			k.Not = append(k.Not, network)
		} else {
			k.From = append(k.From, network)
		}
	}
	if len(k.From) == 0 {
		return errors.New(`has the option "from" with nothing that is allowed`)
	}
	return nil
}

// parseExpiry parses a time as YYYYMMDD, with HHMM or HHMMSS behind it, and a Z
// if it is in UTC.
func parseExpiry(value string) (time.Time, error) {
	digits, utc := strings.CutSuffix(value, "Z")
	zone := time.Local
	if utc {
		zone = time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(digits) == len(layout) {
			if t, err := time.ParseInLocation(layout, digits, zone); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, errors.New(`has the option "expiry-time" with something that is no time`)
}
