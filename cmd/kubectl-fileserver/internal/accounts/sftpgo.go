package accounts

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// SFTPGo reads what SFTPGo's dumpdata writes.
func SFTPGo(o Options) (Found, error) {
	b := newBook(o)
	text, err := decode(o.Text, o.Encoding)
	if err != nil {
		return Found{}, err
	}
	d := newJSONDump(text)
	if err := d.open('{'); err != nil {
		return Found{}, fmt.Errorf("this is no dump of SFTPGo: %w", err)
	}
	if err := b.sftpgoDump(d); err != nil {
		b.leaveOut(0, "", "%s", d.broken(err))
	}
	return b.Found, nil
}

// sftpgoDump reads the users where they come, and what is left of the dump.
func (b *book) sftpgoDump(d *jsonDump) error {
	for {
		field, err := d.field()
		if err != nil || field == "" {
			return err
		}
		if field == "users" {
			if err := b.sftpgoUsers(d); err != nil {
				return err
			}
			continue
		}
		line, raw, err := d.next()
		if err != nil {
			return err
		}
		if field != "version" && says(raw) != "" {
			b.leaveOut(line, "", "the dump's %s, which are no accounts of files", field)
		}
	}
}

func (b *book) sftpgoUsers(d *jsonDump) error {
	if err := d.open('['); err != nil {
		return err
	}
	for d.decoder.More() {
		line, raw, err := d.next()
		if err != nil {
			return err
		}
		b.sftpgoUser(line, raw)
	}
	_, err := d.decoder.Token()
	return err
}

func (b *book) sftpgoUser(line int, raw json.RawMessage) {
	e, err := newEntry(line, raw)
	var username string
	if err == nil {
		err = e.get("username", &username)
	}
	if err != nil {
		b.leaveOut(line, "", "%v", err)
		return
	}
	a := b.begin(line, username)
	if a == nil {
		return
	}
	if err := b.sftpgoFields(a, e); err != nil {
		b.leaveOut(line, username, "%v", err)
		return
	}
	e.skip("id", "email", "description", "additional_info", "created_at", "updated_at", "last_login", "last_quota_update", "last_password_change",
		"first_upload", "first_download", "used_quota_size", "used_quota_files", "used_upload_data_transfer", "used_download_data_transfer", "has_password", "role")
	for _, field := range e.rest() {
		b.unsaid(a, "its field %s", field)
	}
	b.end(a)
}

func (b *book) sftpgoFields(a *Account, e *entry) error {
	var u struct {
		password, home     string
		keys               []string
		status             *int
		expires            int64
		sessions           int32
		upload, download   int64 // KB/s
		permissions        map[string][]string
		filesystem         struct{ Provider int }
		uid                int
		quotaSize, quotaNo int64
		groups             []struct {
			Name string
			Type int
		}
		folders []struct {
			VirtualPath string `json:"virtual_path"`
		}
	}
	for field, to := range map[string]any{
		"password": &u.password, "home_dir": &u.home, "public_keys": &u.keys, "status": &u.status, "expiration_date": &u.expires,
		"max_sessions": &u.sessions, "upload_bandwidth": &u.upload, "download_bandwidth": &u.download, "permissions": &u.permissions,
		"filesystem": &u.filesystem, "uid": &u.uid, "gid": new(int), "quota_size": &u.quotaSize, "quota_files": &u.quotaNo,
		"groups": &u.groups, "virtual_folders": &u.folders,
	} {
		if err := e.get(field, to); err != nil {
			return err
		}
	}
	b.setHome(a, u.home)
	switch {
	case u.password == "":
		a.nothing = "has no password"
	default:
		a.setHash(u.password)
	}
	for i, key := range u.keys {
		b.addKey(a, fmt.Sprintf("public_keys[%d]", i), key)
	}
	if u.status != nil && *u.status != 1 {
		a.Spec.State = v1alpha1.UserSuspended
	}
	if u.expires > 0 {
		at := metav1.NewTime(time.UnixMilli(u.expires).UTC().Truncate(time.Second))
		a.Spec.ExpiresAt = &at
	}
	if u.sessions > 0 {
		limits(a).MaxSessions = u.sessions
	}
	const kilobyte = 1024
	b.setBandwidth(a, strconv.FormatInt(u.upload*kilobyte, 10), strconv.FormatInt(u.download*kilobyte, 10))
	if u.quotaSize > 0 || u.quotaNo > 0 {
		b.unsaid(a, "it has a quota (files: %d, bytes: %d)", u.quotaNo, u.quotaSize)
	}
	if u.uid > 0 {
		b.owner(a)
	}
	if u.filesystem.Provider != 0 {
		b.unsaid(a, "its files are not on a local disk: bring them to the volume of the FileServer")
	}
	for _, f := range u.folders {
		b.unsaid(a, "its virtual folder %.80q: homes have no folders of elsewhere", f.VirtualPath)
	}
	for _, g := range u.groups {
		if g.Type != 3 { // whose settings do not count
			b.restricted(a, "what the group %.60q says of it is not read", g.Name)
		}
	}
	b.sftpgoPermissions(a, u.permissions)
	return b.sftpgoFilters(a, e)
}

func (b *book) sftpgoPermissions(a *Account, permissions map[string][]string) {
	top, ok := permissions["/"]
	if !ok {
		b.restricted(a, "its permissions for / are missing")
	}
	paths := make([]string, 0, len(permissions))
	for p := range permissions {
		if p != "/" {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	if ok {
		access, dropped := sftpgoAccess(top)
		b.sftpgoDropped(a, "/", access, dropped)
		if access == pathNone {
			// A user has some access at least; a rule takes it away.
			paths = append([]string{"/"}, paths...)
		} else {
			a.Spec.Access = v1alpha1.UserAccess(access)
		}
	}
	for _, p := range paths {
		access, dropped := sftpgoAccess(permissions[p])
		if err := addPath(a, p, access); err != nil {
			b.restricted(a, "its permissions for %.80q cannot be said: it %v", p, err)
			continue
		}
		if p != "/" {
			b.sftpgoDropped(a, p, access, dropped)
		}
	}
	if a.Spec.Access == "ReadWrite" {
		a.Spec.Access = "" // the default
	}
}

func (b *book) sftpgoDropped(a *Account, p string, access v1alpha1.PathAccess, dropped []string) {
	if len(dropped) > 0 {
		b.unsaid(a, "in %s it may also %s, and is %s here", p, strings.Join(dropped, ", "), access)
	}
}

const pathNone v1alpha1.PathAccess = "None"

// What each access allows, in SFTPGo's words. Those of the first list are needed, and
// those of the second go with it.
var sftpgoMeanings = []struct {
	access       v1alpha1.PathAccess
	needed, also []string
}{
	{"ReadWrite", []string{"list", "download", "upload", "overwrite", "delete", "rename", "create_dirs"},
		[]string{"create_symlinks", "chmod", "chtimes", "copy", "delete_files", "delete_dirs", "rename_files", "rename_dirs"}},
	{"ReadOnly", []string{"list", "download"}, nil},
	{"WriteOnly", []string{"upload", "create_dirs"}, nil},
}

// sftpgoAccess is the widest access that allows no more than the permissions do, and
// what they allow besides.
func sftpgoAccess(permissions []string) (access v1alpha1.PathAccess, dropped []string) {
	if slices.Contains(permissions, "*") {
		return "ReadWrite", nil
	}
	has := func(p string) bool {
		return slices.Contains(permissions, p) || (p == "delete" || p == "rename") &&
			slices.Contains(permissions, p+"_files") && slices.Contains(permissions, p+"_dirs")
	}
	for _, m := range sftpgoMeanings {
		if slices.ContainsFunc(m.needed, func(p string) bool { return !has(p) }) {
			continue
		}
		dropped = slices.DeleteFunc(slices.Clone(permissions), func(p string) bool {
			return slices.Contains(m.needed, p) || slices.Contains(m.also, p)
		})
		return m.access, dropped
	}
	return pathNone, permissions
}
