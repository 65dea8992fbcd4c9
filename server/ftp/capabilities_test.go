package ftp_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

// bareBackend logs everybody in to a session that is one and nothing more.
type bareBackend struct{ fs *files }

func (b bareBackend) Login(context.Context, *ftp.Conn, string, string) (ftp.Session, error) {
	return struct{ ftp.Session }{b.fs}, b.fs.write("/f", []byte("data"))
}

// sampleBackend knows before the login that its sessions are such.
type sampleBackend struct{ bornBackend }

func (sampleBackend) SampleSession() ftp.Session { return bornSession{} }

// block returns the lines of a reply between the first and the last.
func (c *client) block(command string) (lines []string) {
	c.t.Helper()
	c.send(command)
	for line := c.line(); line[3] != ' ' || line[0] == ' '; line = c.line() {
		if line[0] == ' ' {
			lines = append(lines, line[1:])
		}
	}
	return lines
}

func TestFEATAndHELPPromiseWhatTheSessionImplements(t *testing.T) {
	t.Parallel()
	born := bornBackend{newFiles(t)}
	for name, tc := range map[string]struct {
		backend       ftp.Backend
		before, after string // features among those that not every session has
		site          string
	}{
		"a bare session":                {bareBackend{newFiles(t)}, "", "", ""},
		"one with times of creation":    {born, "", "MFCT;MFF Create;", ""},
		"one that is known beforehand":  {sampleBackend{born}, "MFCT;MFF Create;", "MFCT;MFF Create;", ""},
		"one that can do nearly all of": {nil, "AVBL;MFF Modify;UNIX.mode;;MFMT", "AVBL;MFF Modify;UNIX.mode;;MFMT", "CHMOD;SYMLINK;UTIME"},
	} {
		ts := serve(t, plain, func(s *ftp.Options) {
			if tc.backend != nil {
				s.Backend = tc.backend
			}
		})
		c := ts.connect()
		optional := func() string {
			return strings.Join(slices.DeleteFunc(c.block("FEAT"), func(line string) bool {
				verb, _, _ := strings.Cut(line, " ")
				return !slices.Contains([]string{"AVBL", "MFCT", "MFF", "MFMT"}, verb)
			}), ";")
		}
		if got := optional(); got != tc.before {
			t.Errorf("%s: before login FEAT has %q, want %q", name, got, tc.before)
		}
		c.login()
		if got := optional(); got != tc.after {
			t.Errorf("%s: FEAT has %q, want %q", name, got, tc.after)
		}
		var site []string
		for _, line := range c.block("HELP SITE") {
			verb, _, _ := strings.Cut(line, " ")
			site = append(site, verb)
		}
		if got := strings.Join(site, ";"); got != tc.site {
			t.Errorf("%s: SITE has %q, want %q", name, got, tc.site)
		}
	}
}

func TestWhatHELPListsIsImplemented(t *testing.T) {
	t.Parallel()
	args := map[string]string{
		"MFMT": "20200101000000 f", "MFCT": "20200101000000 f", "MFF": "Create=20200101000000; f", "AVBL": "/",
		"PBSZ": "0", "PROT": "P", "AUTH": "TLS",
	}
	for name, backend := range map[string]ftp.Backend{"bare": bareBackend{newFiles(t)}, "born": bornBackend{newFiles(t)}} {
		for _, policy := range []ftp.TLSPolicy{ftp.TLSOptional, ftp.TLSDisabled} {
			ts := serve(t, plain, func(s *ftp.Options) { s.Backend, s.TLS = backend, policy })
			listed := strings.Fields(strings.Join(ts.login().block("HELP"), " "))
			for verb, arg := range args {
				got := ts.login().command(verb+" "+arg, "...")
				if implemented := !strings.HasPrefix(got, "502"); slices.Contains(listed, verb) && !implemented {
					t.Errorf("%s, policy %v: HELP lists %s: %q", name, policy, verb, got)
				}
			}
			if slices.Contains(listed, "CCC") {
				t.Error("HELP lists CCC, which is always refused")
			}
			if slices.Contains(listed, "AUTH") != (policy == ftp.TLSOptional) {
				t.Errorf("policy %v: HELP lists %q", policy, listed)
			}
		}
	}
}

func TestActiveModeIsPromisedWhereItIsPossible(t *testing.T) {
	t.Parallel()
	ts := serve(t, plain, nil)
	c := ts.login()
	for _, refused := range []bool{true, false} {
		ts.set(func(s *ftp.Settings) { s.NoActive = refused })
		if slices.Contains(c.block("FEAT"), "EPRT") == refused {
			t.Errorf("refused: %v: FEAT is wrong about EPRT", refused)
		}
		listed := strings.Fields(strings.Join(c.block("HELP"), " "))
		if slices.Contains(listed, "PORT") == refused || slices.Contains(listed, "EPRT") == refused {
			t.Errorf("refused: %v: HELP lists %q", refused, listed)
		}
	}
}
