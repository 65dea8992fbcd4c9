package resources

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// CertificateNames are those in a certificate of the server's own authority:
// all by which clients may reach the server, inside and outside of the cluster.
func (s Server) CertificateNames() ([]string, error) {
	svc := ServiceName(s.Name)
	names := []string{
		svc + "." + s.Namespace + ".svc." + s.ClusterDomain,
		svc + "." + s.Namespace + ".svc",
		svc + "." + s.Namespace,
		svc,
	}
	names = append(names, s.Spec.TLS.DNSNames...)
	if s.Spec.Passive.Address != "" {
		names = append(names, s.Spec.Passive.Address)
	}
	return asciiNames(append(names, s.Exposure.Addresses...))
}

// RequestedNames are those for which an issuer of cert-manager is asked. A
// public authority refuses a whole order for one name that it cannot check,
// such as a Service's or a private address, so nothing is added to what the
// spec lists. If it lists nothing, the host names are taken that clients are
// known to use. None: nothing can be asked for.
func (s Server) RequestedNames() ([]string, error) {
	if len(s.Spec.TLS.DNSNames) > 0 {
		return asciiNames(s.Spec.TLS.DNSNames)
	}
	if isHostName(s.Spec.Passive.Address) {
		return asciiNames([]string{s.Spec.Passive.Address})
	}
	return asciiNames(slices.DeleteFunc(slices.Clone(s.Exposure.Addresses), func(a string) bool { return !isHostName(a) }))
}

// isHostName says whether an address is a host name of several labels.
func isHostName(address string) bool {
	return net.ParseIP(address) == nil && strings.Contains(strings.Trim(address, "."), ".")
}

// asciiNames writes host names as certificates have them: in ASCII, with what
// is not ASCII as IDNA encodes it (RFC 5891, section 4), and in small letters.
func asciiNames(names []string) ([]string, error) {
	ascii := make([]string, 0, len(names))
	for _, n := range names {
		a, err := asciiName(n)
		if err != nil {
			return nil, err
		}
		ascii = append(ascii, a)
	}
	return ascii, nil
}

func asciiName(name string) (string, error) {
	if !strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 }) {
		return strings.ToLower(name), nil
	}
	host, wildcard := strings.CutPrefix(name, "*.")
	host, err := idna.Lookup.ToASCII(host)
	if err != nil {
		return "", fmt.Errorf("%q is no host name: %w", name, err)
	}
	if wildcard {
		host = "*." + host
	}
	return host, nil
}

// splitNames tells host names from IP addresses, each sorted and once.
func splitNames(names []string) (dns []string, ips []net.IP) {
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			ips = append(ips, ip)
		} else {
			dns = append(dns, n)
		}
	}
	slices.Sort(dns)
	slices.SortFunc(ips, func(a, b net.IP) int { return bytes.Compare(a.To16(), b.To16()) })
	return slices.Compact(dns), slices.CompactFunc(ips, net.IP.Equal)
}
