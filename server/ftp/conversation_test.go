package ftp_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

var update = flag.Bool("update", false, "rewrite the replies in testdata/conversations")

// TestConversations replays the conversations in testdata: lines with ">" are
// sent and those with "<" expected. With -update they are recorded anew.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/conversations/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations found", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			ts := serve(t, plain, func(s *ftp.Options) { s.Greeting = "Example files" })
			ts.write("/hello.txt", "hello, world\n")
			ts.login().talk(`
				> MKD docs
				< 257 ...
				> MFMT 20240229112233 hello.txt
				< 213 ...
				> MFMT 20240229112234 docs
				< 213 ...
				> MFMT 20240229112235 /
				< 213 ...
				> QUIT
				< 221 ...`)
			c := ts.dial("")
			if !*update {
				c.talk(string(script))
				return
			}
			recorded := record(c, string(script))
			if err := os.WriteFile(file, []byte(recorded), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// record sends the lines of a script and notes what comes back.
func record(c *client, script string) string {
	var b strings.Builder
	replies := func() {
		for {
			line := c.line()
			b.WriteString("< " + line + "\n")
			if len(line) > 3 && line[3] == ' ' && strings.Trim(line[:3], "0123456789") == "" {
				return
			}
		}
	}
	c.conn.SetReadDeadline(time.Now().Add(patience))
	replies()
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "> "):
			b.WriteString(line + "\n")
			c.send(line[2:])
			replies()
		case line == "" || strings.HasPrefix(line, "#"):
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}
