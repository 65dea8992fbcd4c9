package resources

import (
	"strings"
	"time"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/check"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Account is a user as the server knows it.
func Account(u *v1alpha1.FileServerUser, passwordHash string, keys []string) config.User {
	sources, _ := check.Sources(u.Spec.AllowedSources)
	account := config.User{
		Name:           u.LoginName(),
		PasswordHash:   passwordHash,
		AuthorizedKeys: keys,
		RequireAll:     u.Spec.Authentication == v1alpha1.AuthenticateAll,
		Home:           u.Spec.Home,
		Access:         config.Access(u.Spec.Access),
		AllowedSources: sources,
		Suspended:      u.Spec.State == v1alpha1.UserSuspended,
	}
	if account.Home == "" {
		account.Home = u.LoginName()
	}
	if account.Access == "" {
		account.Access = config.AccessReadWrite
	}
	for _, p := range u.Spec.Paths {
		account.Paths = append(account.Paths, config.PathRule{Path: p.Path, Access: config.Access(p.Access)})
	}
	for _, p := range u.Spec.Protocols {
		account.Protocols = append(account.Protocols, string(p))
	}
	if t := u.Spec.ExpiresAt; t != nil {
		utc := t.UTC().Truncate(time.Second)
		account.ExpiresAt = &utc
	}
	if l := u.Spec.Limits; l != nil {
		account.Limits = config.UserLimits{MaxSessions: int(l.MaxSessions), Bandwidth: bandwidth(l.Bandwidth)}
	}
	return account
}

// KeyLines are the keys in an authorized_keys file, without comments.
func KeyLines(file string) []string {
	var lines []string
	for line := range strings.Lines(file) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}
