//go:build e2e

package matrix

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

func puttyRows() []row {
	sftpCannot, scpCannot := copiesOnly("pscp"), copiesOnly("pscp")
	delete(sftpCannot, opList)
	scpCannot[opList] = "pscp -scp has the server's shell run ls, and the server has no shell"
	return []row{
		{client: "psftp", transport: "ssh", mode: "password", do: psftp},
		{client: "pscp -sftp", transport: "ssh", mode: "password", do: pscpDo("-sftp"), cannot: sftpCannot},
		{client: "pscp -scp", transport: "ssh", mode: "password", do: pscpDo("-scp"), cannot: scpCannot},
	}
}

func pscpDo(flag string) func(context.Context, *session, []step) (string, error) {
	copying := copies("pscp", pscp(flag))
	return func(ctx context.Context, s *session, steps []step) (string, error) {
		if steps[0].verb == list {
			return s.exec(ctx, command{argv: append(puttyArgs(s, "pscp"), flag, "-ls", s.user+"@"+host+":"+steps[0].a)})
		}
		return copying(ctx, s, steps)
	}
}

func puttyArgs(s *session, program string) []string {
	return []string{program, "-batch", "-hostkey", ssh.FingerprintSHA256(s.server.hostKey), "-P", strconv.Itoa(s.server.sftp), "-pw", password}
}

// puttySession makes settings for PuTTY's programs, which -load names.
func puttySession(s *session, name, settings string) error {
	dir := filepath.Join(s.local, ".putty", "sessions")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), []byte(settings+"\n"), 0o600)
}

// keyOnly is the host key as base64.
func (s *server) keyOnly() string { return base64.StdEncoding.EncodeToString(s.hostKey.Marshal()) }

func psftp(ctx context.Context, s *session, steps []step) (string, error) {
	var lines []string
	for _, st := range steps {
		a, b := puttyQuote(st.a), puttyQuote(st.b)
		lines = append(lines, map[string]string{
			put: "put " + a + " " + b, get: "get " + a + " " + b, rePut: "reput " + a + " " + b, reGet: "reget " + a + " " + b,
			list: "ls " + a, move: "mv " + puttyQuote(escapePattern(st.a)) + " " + b,
			remove: "del " + puttyQuote(escapePattern(st.a)), makeDir: "mkdir " + a,
		}[st.verb])
	}
	file := s.scratch("psftp.txt")
	if err := os.WriteFile(file, []byte(strings.Join(append(lines, "quit"), "\n")+"\n"), 0o600); err != nil {
		return "", err
	}
	return s.exec(ctx, command{argv: append(puttyArgs(s, "psftp"), "-b", file, s.user+"@"+host)})
}

func puttyQuote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func pscp(flag string) func(s *session, recursive bool, from, to string) command {
	return func(s *session, recursive bool, from, to string) command {
		argv := append(puttyArgs(s, "pscp"), flag, "-q")
		if recursive {
			argv = append(argv, "-r")
		}
		from, to = s.remotePaths(from, to, flag == "-scp")
		return command{argv: append(argv, from, to)}
	}
}
