package server

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// sftpRequest asks for something with one packet. Handles stand for files that
// the test has opened.
type sftpRequest struct {
	kind   byte
	fields []any
	want   []string
}

type handleOf string // opens a file for reading and writing

var (
	noAttributes = []any{uint32(0)}
	mode0640     = []any{uint32(4), uint32(0o640)}
	times        = []any{uint32(8), uint32(1577836800), uint32(1577836801)}
	size3        = []any{uint32(1), uint64(3)}
	owner        = []any{uint32(2), uint32(os.Getuid()), uint32(os.Getgid())}
)

func with(attributes []any, fields ...any) []any { return append(fields, attributes...) }

// sftpRequests are all kinds of the protocol (draft-ietf-secsh-filexfer-02 section 3).
var sftpRequests = map[string]sftpRequest{
	"lstat":          {7, []any{"/f"}, nil},
	"fstat":          {8, []any{handleOf("/f")}, nil},
	"setstat mode":   {9, with(mode0640, "/f"), []string{`sftp chmod success /f "mode":"0640"`}},
	"setstat times":  {9, with(times, "/f"), []string{`sftp chtimes success /f "modified":"2020-01-01T00:00:01.000Z" "accessed":"2020-01-01T00:00:00.000Z"`}},
	"setstat size":   {9, with(size3, "/sized"), []string{`sftp truncate success /sized "size":3`}},
	"setstat owner":  {9, with(owner, "/f"), []string{`sftp chown success /f "owner":"`}},
	"fsetstat mode":  {10, with(mode0640, handleOf("/opened")), []string{`sftp chmod success /opened "mode":"0640"`, "sftp upload success /opened"}},
	"fsetstat times": {10, with(times, handleOf("/opened")), []string{`sftp chtimes success /opened "modified":"2020-01-01T00:00:01.000Z"`}},
	"fsetstat size":  {10, with(size3, handleOf("/opened")), []string{`sftp truncate success /opened "size":3`}},
	"opendir":        {11, []any{"/"}, nil},
	"remove":         {13, []any{"/removed"}, []string{"sftp delete success /removed"}},
	"mkdir":          {14, with(noAttributes, "/folder"), []string{"sftp mkdir success /folder"}},
	"rmdir":          {15, []any{"/empty"}, []string{"sftp rmdir success /empty"}},
	"realpath":       {16, []any{"/f"}, nil},
	"stat":           {17, []any{"/f"}, nil},
	"rename":         {18, []any{"/renamed", "/renamed.to"}, []string{`sftp rename success /renamed "target":"/renamed.to"`}},
	"readlink":       {19, []any{"/a-link"}, nil},
	"symlink":        {20, []any{"f", "/symlink"}, []string{`sftp symlink success /symlink "target":"f"`}},

	"posix-rename@openssh.com":       {200, []any{"posix-rename@openssh.com", "/posix", "/posix.to"}, []string{`sftp rename success /posix "target":"/posix.to"`}},
	"statvfs@openssh.com":            {200, []any{"statvfs@openssh.com", "/f"}, nil},
	"fstatvfs@openssh.com":           {200, []any{"fstatvfs@openssh.com", handleOf("/f")}, nil},
	"hardlink@openssh.com":           {200, []any{"hardlink@openssh.com", "/f", "/hard"}, []string{`sftp link success /hard "target":"/f"`}},
	"fsync@openssh.com":              {200, []any{"fsync@openssh.com", handleOf("/opened")}, nil},
	"lsetstat@openssh.com":           {200, with(times, "lsetstat@openssh.com", "/a-link"), []string{"sftp chtimes success /a-link"}},
	"limits@openssh.com":             {200, []any{"limits@openssh.com"}, nil},
	"expand-path@openssh.com":        {200, []any{"expand-path@openssh.com", "f"}, nil},
	"copy-data":                      {200, []any{"copy-data", handleOf("/f"), uint64(0), uint64(0), handleOf("/copied"), uint64(0)}, []string{`sftp copy success /f "verb":"copy-data"`, "sftp upload success /copied"}},
	"home-directory":                 {200, []any{"home-directory", "alice"}, nil},
	"users-groups-by-id@openssh.com": {200, []any{"users-groups-by-id@openssh.com", "", ""}, nil},
}

func TestEveryRequestOfSFTPHasItsLine(t *testing.T) {
	t.Parallel()
	i := start(t)
	i.files("f", "removed", "renamed", "posix", "sized", "opened", "copied")
	i.folders("empty")
	if err := os.Symlink("f", filepath.Join(i.config.Storage.Root, "alice", "a-link")); err != nil {
		t.Fatal(err)
	}
	r := i.rawSFTP()
	for _, extension := range r.extensions {
		if _, known := sftpRequests[extension]; !known {
			t.Errorf("%s: does the audit trail tell of it?", extension)
		}
	}
	for name, tc := range sftpRequests {
		var handles []string
		fields := slices.Clone(tc.fields)
		for n, f := range fields {
			if path, ok := f.(handleOf); ok {
				handles = append(handles, r.open(string(path)))
				fields[n] = handles[len(handles)-1]
			}
		}
		kind, body := r.ask(tc.kind, fields...)
		if code := binary.BigEndian.Uint32(append(body, 0, 0, 0, 0)); kind == 101 && code != 0 {
			t.Errorf("%s: status %d: %q", name, code, body)
		}
		for _, handle := range handles {
			r.ask(4, handle)
		}
		i.wantTold(tc.want...)
	}
	// Transfers, by SFTP and scp, and the tools.
	i.wantTold(`sftp session-start success ? `, `sftp login success ? "method":"password"`)
	s, c := i.sftpSession()
	put, err := s.Create("put")
	if err == nil {
		_, err = put.Write([]byte("12345"))
	}
	if err != nil || put.Close() != nil {
		t.Fatal(err)
	}
	get, err := s.Open("f")
	if err == nil {
		_, err = io.ReadAll(get)
	}
	if err != nil || get.Close() != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"md5sum", "sha1sum", "sha256sum", "sha512sum"} {
		session, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if out, err := session.CombinedOutput(command + " f"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		i.wantTold(`sftp checksum success /f "verb":"` + command + `"`)
	}
	ch, ack := i.exec("scp -t by-scp")
	ack()
	io.WriteString(ch, "C0644 5 by-scp\n")
	ack()
	io.WriteString(ch, "12345\x00")
	ack()
	ch.CloseWrite()
	ch, _ = i.exec("scp -f by-scp")
	io.WriteString(ch, "\x00\x00\x00")
	io.ReadAll(ch)
	i.wantTold(
		`sftp upload success /put "via":"sftp" "verb":"PUT" "bytes":5`, `sftp download success /f "via":"sftp" "verb":"GET" "bytes":`,
		`sftp upload success /by-scp "via":"scp" "bytes":5`, `sftp download success /by-scp "via":"scp" "bytes":5`,
	)
	c.Close()
	i.wantTold(`sftp session-end success ? "client":"Go" "cipher":"`)
	i.wantWhole()
}
