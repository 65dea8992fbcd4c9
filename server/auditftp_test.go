package server

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
)

// A verbCase is what is sent with a verb, and the lines that it is to have (see wantTold).
// It may be empty: the verb changes nothing and reads no file.
type verbCase struct {
	send []string
	want []string
}

// ftpVerbs are those that HELP and HELP SITE tell of.
var ftpVerbs = map[string]verbCase{
	"APPE":    {[]string{"< APPE appended"}, []string{`ftp upload success /appended "verb":"APPE" "bytes":5`}},
	"COMB":    {[]string{`COMB "combined" "part"`}, []string{"ftp combine success /combined", "ftp delete success /part"}},
	"DELE":    {[]string{"DELE deleted"}, []string{"ftp delete success /deleted"}},
	"HASH":    {[]string{"HASH f"}, []string{`ftp checksum success /f "verb":"HASH"`}},
	"MDTM":    {[]string{"MDTM 20200101000001 f"}, []string{`ftp chtimes success /f "modified":"2020-01-01T00:00:01.000Z"`}},
	"MFF":     {[]string{"MFF modify=20200101000002;UNIX.mode=0640; f"}, []string{`ftp chtimes success /f "modified":"2020-01-01T00:00:02.000Z"`, `ftp chmod success /f "mode":"0640"`}},
	"MFMT":    {[]string{"MFMT 20200101000003 f"}, []string{`ftp chtimes success /f "modified":"2020-01-01T00:00:03.000Z"`}},
	"MKD":     {[]string{"MKD folder"}, []string{"ftp mkdir success /folder"}},
	"PASS":    {nil, []string{`ftp login success ? "method":"password"`}},
	"QUIT":    {[]string{"QUIT"}, []string{`ftp session-end success ? "reason":"Quit" "commands":`}},
	"REIN":    {nil, nil}, // TestWhoLogsOutIsToldWithWhatHeDid
	"RETR":    {[]string{"> RETR f"}, []string{`ftp download success /f "verb":"RETR" "bytes":7`}},
	"RMD":     {[]string{"RMD empty"}, []string{"ftp rmdir success /empty"}},
	"RNFR":    {[]string{"RNFR renamed"}, nil},
	"RNTO":    {[]string{"RNFR renamed", "RNTO renamed.to"}, []string{`ftp rename success /renamed "target":"/renamed.to"`}},
	"STOR":    {[]string{"< STOR stored"}, []string{`ftp upload success /stored "verb":"STOR" "bytes":5`}},
	"STOU":    {[]string{"< STOU unique"}, []string{`ftp upload success /unique "verb":"STOU"`}},
	"XCRC":    {[]string{"XCRC f"}, []string{`ftp checksum success /f "verb":"XCRC32"`}},
	"XMD5":    {[]string{"XMD5 f"}, []string{`ftp checksum success /f "verb":"XMD5"`}},
	"XMKD":    {[]string{"XMKD folder2"}, []string{"ftp mkdir success /folder2"}},
	"XRMD":    {[]string{"XRMD empty2"}, []string{"ftp rmdir success /empty2"}},
	"XSHA1":   {[]string{"XSHA1 f"}, []string{`ftp checksum success /f "verb":"XSHA-1"`}},
	"XSHA256": {[]string{"XSHA256 f"}, []string{`ftp checksum success /f "verb":"XSHA-256"`}},
	"XSHA512": {[]string{"XSHA512 f"}, []string{`ftp checksum success /f "verb":"XSHA-512"`}},

	"SITE CHMOD":   {[]string{"SITE CHMOD 0604 f"}, []string{`ftp chmod success /f "mode":"0604"`}},
	"SITE SYMLINK": {[]string{"SITE SYMLINK f symlink"}, []string{`ftp symlink success /symlink "target":"f"`}},
	"SITE UTIME":   {[]string{"SITE UTIME 20200101000004 f"}, []string{`ftp chtimes success /f "modified":"2020-01-01T00:00:04.000Z"`}},
}

// quietFTP are the verbs that neither change a file nor read one.
var quietFTP = strings.Fields(`ABOR ACCT ALLO AUTH AVBL CCC CDUP CLNT CSID CWD DSIZ EPRT EPSV FEAT HELP HOST LANG LIST MLSD MLST MODE NLST
	NOOP OPTS PASV PBSZ PORT PROT PWD REST SITE SIZE STAT STRU SYST TYPE USER XCUP XCWD XPWD`)

func TestEveryVerbOfFTPHasItsLine(t *testing.T) {
	t.Parallel()
	i := start(t)
	i.files("f", "deleted", "renamed", "part")
	i.folders("empty", "empty2")
	for _, verb := range append(i.user("alice").help("HELP", ""), i.user("alice").help("HELP SITE", "SITE ")...) {
		tc, told := ftpVerbs[verb]
		if !told && !slices.Contains(quietFTP, verb) && verb != "SITE HELP" {
			t.Errorf("%s: does the audit trail tell of it?", verb)
		}
		c := i.binary("alice")
		for _, line := range tc.send {
			switch kind, command, _ := strings.Cut(line, " "); kind {
			case "<":
				c.put(command, "12345")
			case ">":
				data := c.data()
				c.command(command, "150")
				io.Copy(io.Discard, data)
				c.reply("226")
			default:
				c.send(line)
				if got, err := c.next(); err != nil || got > "4" {
					t.Errorf("%s: %s, %v", line, got, err)
				}
			}
		}
		i.wantTold(tc.want...)
	}
	i.wantWhole()
}

// help returns the verbs that the server tells of.
func (c *control) help(command, prefix string) (verbs []string) {
	c.i.t.Helper()
	c.send(command)
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			c.i.t.Fatal(err)
		}
		if strings.HasPrefix(line, "214 ") {
			return verbs
		}
		if strings.HasPrefix(line, "214-") {
			continue
		}
		words := strings.Fields(line)
		if prefix != "" { // the verb, and its arguments
			words = words[:1]
		}
		for _, word := range words {
			verbs = append(verbs, prefix+word)
		}
	}
}

func (i *instance) folders(names ...string) {
	i.t.Helper()
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(i.config.Storage.Root, "alice", name), 0o750); err != nil {
			i.t.Fatal(err)
		}
	}
}

// wantWhole wants every session to have begun and, so far, each line to have all that
// every line has.
func (i *instance) wantWhole() {
	i.t.Helper()
	for _, e := range audit.Events {
		for _, r := range i.told(e) {
			if r.Audit != audit.Version || r.Time == "" || r.Result == "" || r.Pod == "" || r.Protocol == "" || r.Session == "" || r.Address == "" || r.Port == 0 {
				i.t.Errorf("a line lacks what all have: %+v", r)
			}
		}
	}
	if len(i.told(audit.SessionStart, audit.Success)) == 0 {
		i.t.Error("no session has begun")
	}
}
