package diagnose

import (
	"fmt"
	"slices"
	"strings"
)

func tlsIsTakenAway(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool { return a.Protocol == FTP && a.Step == Secure && a.Failure == Reply })
	return Finding{
		Wrong: fmt.Sprintf("AUTH TLS is refused at %s (%d %s), which the server promises.", a.Where(), a.Code, a.Text),
		Do:    "A firewall that looks into FTP takes it away: switch off its inspection of FTP for the port, or use FTPS (port 990), into which it cannot look.",
		Page:  pageTLS,
	}, ok
}

// certificate is one of those that were shown for which a condition holds.
func (f Found) certificate(holds func(Certificate) bool) (Attempt, bool) {
	return f.first(func(a Attempt) bool { return a.Certificate != nil && holds(*a.Certificate) })
}

func theCertificateIsAnother(f Found) (Finding, bool) {
	want := f.Expected.Certificate
	a, ok := f.certificate(func(c Certificate) bool { return want != "" && !strings.EqualFold(c.Fingerprint, want) })
	if !ok {
		return Finding{}, false
	}
	return Finding{
		Wrong: fmt.Sprintf("The certificate at %s (%s) has the SHA-256 %.16s..., and that of the server is %.16s...", a.Where(), a.Protocol, a.Certificate.Fingerprint, want),
		Do:    "A balancer or proxy ends TLS in place of the server, or another server answers: have it pass TCP through. Just after a change, check again: pods have a new certificate within seconds.",
		Page:  pageTLS,
	}, true
}

func theCertificateIsOver(f Found) (Finding, bool) {
	a, ok := f.certificate(func(c Certificate) bool { return f.Now.After(c.NotAfter) || f.Now.Before(c.NotBefore) })
	if !ok {
		return Finding{}, false
	}
	wrong := fmt.Sprintf("The certificate has ended on %s.", a.Certificate.NotAfter.UTC().Format("2006-01-02 15:04 MST"))
	if f.Now.Before(a.Certificate.NotBefore) {
		wrong = fmt.Sprintf("The certificate begins on %s only, or the clock of this machine is wrong.", a.Certificate.NotBefore.UTC().Format("2006-01-02 15:04 MST"))
	}
	return Finding{
		Wrong: wrong,
		Do:    "Renew what is in tls.secretRef; of cert-manager's, see `kubectl describe certificate " + f.Expected.Name + "`.",
		Page:  pageTLS,
	}, true
}

func theAuthorityIsAnother(f Found) (Finding, bool) {
	a, ok := f.certificate(func(c Certificate) bool { return c.TrustError != "" })
	if !ok {
		return Finding{}, false
	}
	return Finding{
		Wrong: fmt.Sprintf("The certificate is not signed by the authority in the user's credentials: %s.", a.Certificate.TrustError),
		Do:    "Clients have to trust the new authority: give them the ca.crt of the credentials as it is now.",
		Page:  pageTLS,
	}, true
}

func theCertificateIsForOthers(f Found) (Finding, bool) {
	a, ok := f.certificate(func(c Certificate) bool { return c.NameError != "" })
	if !ok {
		return Finding{}, false
	}
	return Finding{
		Wrong: fmt.Sprintf("The certificate is not for %s: %s.", a.Address, a.Certificate.NameError),
		Do:    "Add the name by which clients connect to tls.dnsNames, or have clients connect by a name that the certificate has.",
		Page:  pageTLS,
	}, true
}

func thereIsNoHandshake(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool { return a.Step == Secure && a.Protocol != SFTP && !a.OK() })
	return Finding{
		Wrong: fmt.Sprintf("There is no TLS handshake at %s (%s): %s.", a.Where(), a.Protocol, a.Result()),
		Do:    "Something in between does not pass TLS through, or tls.minVersion and tls.cipherSuites leave nothing that this client has.",
		Page:  pageTLS,
	}, ok
}

func theHostKeyIsAnother(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool {
		return a.HostKey != nil && len(f.Expected.HostKeys) > 0 && !slices.Contains(f.Expected.HostKeys, *a.HostKey)
	})
	if !ok {
		return Finding{}, false
	}
	return Finding{
		Wrong: fmt.Sprintf("The host key at %s is %s %s, which is none of the server's.", a.Where(), a.HostKey.Type, a.HostKey.Fingerprint),
		Do:    "Another SSH server answers, such as that of a node or of the balancer: compare the port with `kubectl get service " + f.Expected.Name + "`. If the keys were changed on purpose, check again in a minute.",
		Page:  pageConnect,
	}, true
}

func thereIsNoCommonAlgorithm(f Found) (Finding, bool) {
	a, ok := f.first(func(a Attempt) bool { return a.Protocol == SFTP && a.Step == Secure && !a.OK() })
	return Finding{
		Wrong: fmt.Sprintf("SSH's key exchange fails at %s: %s.", a.Where(), a.Result()),
		Do:    "See protocols.sftp.algorithms: what is listed there may leave nothing that clients have.",
		Page:  pageConnect,
	}, ok
}
