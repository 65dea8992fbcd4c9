package accounts

import (
	"slices"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// sftpgoFilters reads what narrows an account.
func (b *book) sftpgoFilters(a *Account, e *entry) error {
	raw, ok := e.fields["filters"]
	e.skip("filters")
	if !ok {
		return nil
	}
	f, err := newEntry(e.line, raw)
	if err != nil {
		return err
	}
	var allowed, refused, protocols, methods, factors []string
	var anonymous bool
	var totp struct{ Enabled bool }
	for field, to := range map[string]any{
		"allowed_ip": &allowed, "denied_ip": &refused, "denied_protocols": &protocols, "denied_login_methods": &methods,
		"two_factor_protocols": &factors, "is_anonymous": &anonymous, "totp_config": &totp,
	} {
		if err := f.get(field, to); err != nil {
			return err
		}
	}
	b.addSources(a, allowed)
	if len(refused) > 0 {
		b.restricted(a, "some addresses are refused (%.60s), and only those that are allowed can be said: set allowedSources", refused)
	}
	b.sftpgoProtocols(a, protocols)
	b.sftpgoMethods(a, methods)
	if totp.Enabled || len(factors) > 0 {
		b.restricted(a, "it logs in with a second factor, which cannot be said")
	}
	if anonymous {
		b.restricted(a, "it is for anybody, without a password")
	}
	b.sftpgoRest(a, f)
	return nil
}

// sftpgoNarrow are filters that keep somebody out, or some files.
var sftpgoNarrow = []string{"access_time", "file_patterns", "file_extensions", "tls_certs", "tls_username", "require_password_change"}

func (b *book) sftpgoRest(a *Account, f *entry) {
	f.skip("recovery_codes", "web_client", "allow_api_key_auth", "user_type", "password_strength", "default_shares_expiration", "max_shares_expiration",
		"external_auth_cache_time", "additional_emails", "custom_placeholder1", "hooks", "disable_fs_checks", "ftp_security")
	for _, field := range f.rest() {
		if slices.Contains(sftpgoNarrow, field) {
			if field == "tls_username" && says(f.fields[field]) == `"None"` {
				continue
			}
			b.restricted(a, "its filter %s cannot be said", field)
			continue
		}
		b.unsaid(a, "its filter %s", field)
	}
}

func (b *book) sftpgoProtocols(a *Account, refused []string) {
	ftp, ssh := !slices.Contains(refused, "FTP"), !slices.Contains(refused, "SSH")
	switch {
	case ftp && ssh:
	case ftp:
		a.Spec.Protocols = []v1alpha1.ProtocolName{v1alpha1.ProtocolFTP, v1alpha1.ProtocolFTPS}
	case ssh:
		a.Spec.Protocols = []v1alpha1.ProtocolName{v1alpha1.ProtocolSFTP}
	default:
		b.restricted(a, "it may log in by neither FTP nor SSH")
	}
}

// sftpgoKnownMethods are ways to log in, of which a FileServer has the first five.
var sftpgoKnownMethods = []string{
	"publickey", "password", "keyboard-interactive", "publickey+password", "publickey+keyboard-interactive",
	"TLSCertificate", "TLSCertificate+password",
}

// sftpgoMethods leaves out the credentials with which nobody may log in.
func (b *book) sftpgoMethods(a *Account, refused []string) {
	for _, m := range refused {
		if !slices.Contains(sftpgoKnownMethods, m) {
			b.restricted(a, "it may not log in by %.40q, which cannot be said", m)
		}
	}
	has := func(method string) bool { return slices.Contains(refused, method) }
	both := a.Password != "" && len(a.Spec.AuthorizedKeys) > 0 && !has("publickey+password")
	switch key, password := !has("publickey"), !has("password") || !has("keyboard-interactive"); {
	case !key && !password && both:
		a.Spec.Authentication = v1alpha1.AuthenticateAll
		a.Spec.Protocols = []v1alpha1.ProtocolName{v1alpha1.ProtocolSFTP}
		b.onlyBySSH(a)
	case !key && !password:
		b.restricted(a, "all its ways to log in are refused")
	case !password:
		a.Password, a.nothing = "", "has a password that is refused"
	case !key:
		a.Spec.AuthorizedKeys = nil
		b.unsaid(a, "its keys are refused, and left out")
	}
}

func (b *book) onlyBySSH(a *Account) {
	b.unsaid(a, "it needs a key and then its password, which SFTP alone can ask for")
}
