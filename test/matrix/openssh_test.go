//go:build e2e

package matrix

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

func openSSHRows() []row {
	return []row{
		{client: "OpenSSH sftp", transport: "ssh", mode: "key", do: script(openSSH)},
		{client: "OpenSSH scp", transport: "ssh", mode: "key", do: copies("scp", scp()), cannot: copiesOnly("scp")},
		{client: "OpenSSH scp -O", transport: "ssh", mode: "key", do: copies("scp", scp("-O")), cannot: copiesOnly("scp")},
		rclone("ssh", "password"),
		{client: "lftp", transport: "ssh", mode: "password", do: script(lftp)},
	}
}

// copiesOnly is what programs cannot that copy files and do nothing else.
func copiesOnly(name string) map[string]string {
	why := name + " copies files and does nothing else"
	return map[string]string{opRePut: name + " starts a file again", opReGet: name + " starts a file again",
		opList: why, opRename: why, opDelete: why}
}

func sshOptions(s *session) []string {
	return []string{"-F", "/dev/null", "-o", "UserKnownHostsFile=" + s.server.knownHosts, "-o", "GlobalKnownHostsFile=/dev/null",
		"-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=30", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
		"-i", s.server.keyFile, "-P", strconv.Itoa(s.server.sftp)}
}

func openSSH(s *session, steps []step) command {
	var lines []string
	for _, st := range steps {
		a, b := lftpQuote(st.a), lftpQuote(st.b)
		lines = append(lines, map[string]string{
			put: "put " + a + " " + b, get: "get " + a + " " + b, rePut: "reput " + a + " " + b, reGet: "reget " + a + " " + b,
			list: "ls -1a " + a, move: "rename " + a + " " + b, remove: "rm " + a, makeDir: "mkdir " + a,
		}[st.verb])
	}
	return command{argv: append(append([]string{"sftp", "-b", "-"}, sshOptions(s)...), s.user+"@"+host), stdin: strings.Join(lines, "\n") + "\n"}
}

// scp copies. Its own pattern matching wants backslashes in the names that it
// downloads; with -O, the server's shell wants them in all.
func scp(flags ...string) func(s *session, recursive bool, from, to string) command {
	return func(s *session, recursive bool, from, to string) command {
		argv := append([]string{"scp", "-q"}, flags...)
		if recursive {
			argv = append(argv, "-r")
		}
		from, to = s.remotePaths(from, to, len(flags) > 0)
		return command{argv: append(append(argv, sshOptions(s)...), from, to)}
	}
}

// remotePaths writes the remote one of two paths as scp and pscp want it.
func (s *session) remotePaths(from, to string, shell bool) (string, string) {
	at := s.user + "@" + host + ":"
	if name, ok := strings.CutPrefix(to, remotePrefix); ok {
		if shell {
			name = escapeShell(name)
		}
		return from, at + name
	}
	name := strings.TrimPrefix(from, remotePrefix)
	if shell {
		return at + escapeShell(name), to
	}
	return at + escapePattern(name), to
}

func escapePattern(name string) string { return escape(name, `\*?[]`) }
func escapeShell(name string) string   { return escape(name, `\*?[] #`) }

func escape(name, special string) string {
	var b strings.Builder
	for _, r := range name {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// remotePrefix marks a remote path for copies.
const remotePrefix = "remote:"

// copies is the do of a program that copies from one place to the other. It
// makes a folder by copying one that is empty.
func copies(name string, f func(s *session, recursive bool, from, to string) command) func(context.Context, *session, []step) (string, error) {
	do := each(func(s *session, st step) command {
		switch st.verb {
		case put:
			return f(s, false, st.a, remotePrefix+st.b)
		case get:
			return f(s, false, remotePrefix+st.a, st.b)
		}
		return f(s, true, filepath.Join(s.scratch(name), path.Base(st.a)), remotePrefix+path.Dir(st.a))
	})
	return func(ctx context.Context, s *session, steps []step) (string, error) {
		for _, st := range steps {
			if st.verb == makeDir {
				if err := os.MkdirAll(filepath.Join(s.scratch(name), path.Base(st.a)), 0o755); err != nil {
					return "", err
				}
			}
		}
		return do(ctx, s, steps)
	}
}
