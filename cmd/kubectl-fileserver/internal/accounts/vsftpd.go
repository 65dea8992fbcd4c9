package accounts

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// VSFTPd reads the two files that virtual users of vsftpd have: for pam_pwdfile a
// name and a hash in each line, and for pam_userdb, from which db_load makes a
// database, names and passwords in turn, a line each. The first line tells which.
func VSFTPd(o Options) (Found, error) {
	b := newBook(o)
	text, err := decode(o.Text, o.Encoding)
	if err != nil {
		return Found{}, err
	}
	global, err := parseSettings(string(o.Config))
	if err != nil {
		return Found{}, fmt.Errorf("vsftpd.conf: %w", err)
	}
	records := lines(text)
	if len(records) > 0 && len(records[0].fields) > 1 {
		for _, line := range records {
			if len(line.fields) < 2 {
				b.leaveOut(line.number, "", "has no field with a hash%s", line.cut())
				continue
			}
			b.vsftpdAccount(line.number, line.fields[0], global, func(a *Account) { a.setHash(line.fields[1]) })
		}
		return b.Found, nil
	}
	b.vsftpdPairs(text, global)
	return b.Found, nil
}

// vsftpdPairs reads names and passwords in turn. There is no such thing as a comment.
func (b *book) vsftpdPairs(text string, global settings) {
	text = strings.TrimSuffix(text, "\n")
	if text == "" {
		return
	}
	all := strings.Split(text, "\n")
	for i := 0; i < len(all); i += 2 {
		user := strings.TrimSuffix(all[i], "\r")
		if i+1 == len(all) {
			b.leaveOut(i+1, "", "is a name without the line of its password: the file seems to be cut there")
			return
		}
		b.vsftpdAccount(i+1, user, global, func(a *Account) { a.setPassword(strings.TrimSuffix(all[i+1], "\r")) })
	}
}

func (b *book) vsftpdAccount(line int, user string, global settings, password func(*Account)) {
	a := b.begin(line, user)
	if a == nil {
		return
	}
	a.Spec.Protocols = []v1alpha1.ProtocolName{v1alpha1.ProtocolFTP, v1alpha1.ProtocolFTPS}
	password(a)
	own, err := b.userSettings(user)
	if err != nil {
		b.restricted(a, "its file of settings cannot be read: %v", err)
	}
	all := settings{}
	maps.Copy(all, global)
	maps.Copy(all, own)
	b.applySettings(a, all)
	for _, key := range slices.Sorted(maps.Keys(own)) {
		if !vsftpdKnown[key] {
			b.unsaid(a, "its setting %s=%.60s", key, own[key])
		}
	}
	b.end(a)
}

// settings are those of vsftpd.conf(5).
type settings map[string]string

func (s settings) on(key string) bool { return strings.EqualFold(s[key], "YES") || s[key] == "1" }

func parseSettings(text string) (settings, error) {
	s := settings{}
	for _, line := range lines(text) {
		key, value, ok := strings.Cut(line.text, "=")
		if !ok {
			return nil, fmt.Errorf("line %d has no '='", line.number)
		}
		s[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return s, nil
}

// userSettings are those of the file in user_config_dir.
func (b *book) userSettings(user string) (settings, error) {
	if b.UserConfig == "" {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(b.UserConfig, user))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseSettings(string(text))
}

// vsftpdKnown are settings that are said, or that are the server's.
var vsftpdKnown = map[string]bool{
	"local_root": true, "user_sub_token": true, "write_enable": true, "download_enable": true, "local_max_rate": true, "anon_max_rate": true,
	"virtual_use_local_privs": true, "anon_upload_enable": true, "anon_mkdir_write_enable": true, "anon_other_write_enable": true,
	"anon_world_readable_only": true, "guest_username": true, "guest_enable": true, "chroot_local_user": true,
	"cmds_allowed": true, "cmds_denied": true, "deny_file": true, "hide_file": true, "dirlist_enable": true, "max_per_ip": true,
}

func (b *book) applySettings(a *Account, s settings) {
	home := s["local_root"]
	if token := s["user_sub_token"]; token != "" {
		home = strings.ReplaceAll(home, token, a.Name)
	}
	b.setHome(a, home)
	b.vsftpdAccess(a, s)
	// Virtual users are guests, whose rate is that of the anonymous user, unless
	// they have the rights of local ones.
	rate := s["anon_max_rate"]
	if s.on("virtual_use_local_privs") {
		rate = s["local_max_rate"]
	}
	b.setBandwidth(a, rate, rate)
	for _, key := range []string{"cmds_allowed", "cmds_denied", "deny_file"} {
		if s[key] != "" {
			b.restricted(a, "its setting %s cannot be said", key)
		}
	}
	if s["hide_file"] != "" {
		b.unsaid(a, "its setting hide_file")
	}
}

// vsftpdAccess says no more than the settings allow. Without settings it is not
// known, and all is allowed.
func (b *book) vsftpdAccess(a *Account, s settings) {
	if len(b.Config) == 0 && len(s) == 0 {
		b.unsaid(a, "what it may do is in vsftpd.conf, which is not given (--config): it may read and write")
		return
	}
	local := s.on("virtual_use_local_privs")
	upload := s.on("write_enable") && (local || s.on("anon_upload_enable"))
	change := s.on("write_enable") && (local || s.on("anon_other_write_enable") && s.on("anon_mkdir_write_enable"))
	off := func(key string) bool { _, set := s[key]; return set && !s.on(key) }
	read := !off("download_enable") && !off("dirlist_enable")
	switch {
	case upload && change && read:
	case upload && !read:
		a.Spec.Access = v1alpha1.UserWriteOnly
	case upload && read:
		a.Spec.Access = v1alpha1.UserReadOnly
		b.unsaid(a, "it may upload, and neither change nor remove: it may only read here")
	case read:
		a.Spec.Access = v1alpha1.UserReadOnly
	default:
		a.Spec.Access = v1alpha1.UserReadOnly
		b.restricted(a, "it may neither upload nor download")
	}
}
