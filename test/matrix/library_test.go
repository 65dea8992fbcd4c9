//go:build e2e

package matrix

import (
	"context"
	"strconv"
	"strings"
)

// The libraries of other languages are driven by small programs in testdata,
// which all take the same: the server, user and password as arguments, then
// what is their own; steps on standard input, a line each, parts divided by
// tabs.

func ftplibRows() []row {
	var all []row
	for _, transport := range []string{"plain", "explicit", "implicit"} {
		for _, mode := range []string{"passive", "active"} {
			r := row{client: "ftplib", transport: transport, mode: mode, do: library(func(s *session) ([]string, error) {
				return []string{"python3", testdata("ftplib_steps.py"), host, strconv.Itoa(s.server.ftp), s.user, password,
					s.transport, s.mode, s.server.caFile}, nil
			})}
			if transport == "implicit" {
				r.why = "ftplib knows explicit TLS only"
			}
			all = append(all, r)
		}
	}
	return all
}

// slowLanguage is why a library does not move the large file.
const slowLanguage = "5 GiB take this language minutes, and it reads and writes as it does with small files"

func netFTPRows() []row {
	var all []row
	for _, c := range []struct{ name, program, file string }{
		{"Perl Net::FTP", "perl", "perl_steps.pl"}, {"Ruby net-ftp", "ruby", "ruby_steps.rb"},
	} {
		for _, transport := range []string{"plain", "explicit", "implicit"} {
			for _, mode := range []string{"passive", "active"} {
				r := row{client: c.name, transport: transport, mode: mode, cannot: map[string]string{opLarge: slowLanguage},
					do: library(func(s *session) ([]string, error) {
						port := s.server.ftp
						if s.transport == "implicit" {
							port = s.server.ftps
						}
						return []string{c.program, testdata(c.file), host, strconv.Itoa(port), s.user, password,
							s.transport, s.mode, s.server.caFile}, nil
					})}
				if c.program == "ruby" && transport == "implicit" {
					r.why = "Debian 12's net-ftp knows explicit TLS only"
				}
				all = append(all, r)
			}
		}
	}
	return all
}

func librarySFTPRows() []row {
	return []row{
		{client: "paramiko", transport: "ssh", mode: "password", do: library(func(s *session) ([]string, error) {
			return []string{debianPython, testdata("paramiko_steps.py"), host, strconv.Itoa(s.server.sftp), s.user, password,
				s.server.knownHosts}, nil
		})},
		{client: "npm ssh2", transport: "ssh", mode: "password", do: library(func(s *session) ([]string, error) {
			dir, err := ssh2()
			return []string{"node", testdata("ssh2_steps.js"), host, strconv.Itoa(s.server.sftp), s.user, password,
				dir + "/node_modules/ssh2", s.server.keyOnly()}, err
		})},
		{client: "AsyncSSH", transport: "ssh", mode: "password", cannot: map[string]string{opLarge: slowLanguage},
			do: library(func(s *session) ([]string, error) {
				return []string{debianPython, testdata("asyncssh_steps.py"), host, strconv.Itoa(s.server.sftp), s.user, password,
					s.server.knownHosts}, nil
			})},
		{client: "Ruby net-sftp", transport: "ssh", mode: "password", cannot: map[string]string{opLarge: slowLanguage},
			do: library(func(s *session) ([]string, error) {
				return []string{"ruby", testdata("netsftp_steps.rb"), host, strconv.Itoa(s.server.sftp), s.user, password,
					s.server.knownHosts}, nil
			})},
		{client: "Net::SFTP::Foreign", transport: "ssh", mode: "key", cannot: map[string]string{opLarge: slowLanguage},
			do: library(func(s *session) ([]string, error) {
				return []string{"perl", testdata("foreign_steps.pl"), host, strconv.Itoa(s.server.sftp), s.user, s.server.keyFile,
					s.server.knownHosts}, nil
			})},
		{client: "JSch", transport: "ssh", mode: "password", legacy: true, remarks: map[string]string{
			opUpload: "with old algorithms, which the server is told to allow; 0.1.55 says of itself that it is 0.1.54",
		}, do: library(func(s *session) ([]string, error) {
			path, err := jschClient()
			return []string{"java", "-Dfile.encoding=UTF-8", "-XX:TieredStopAtLevel=1", "-cp", path, "Steps", host, strconv.Itoa(s.server.sftp),
				s.user, password, s.server.knownHosts}, err
		})},
	}
}

func library(argv func(*session) ([]string, error)) func(context.Context, *session, []step) (string, error) {
	return func(ctx context.Context, s *session, steps []step) (string, error) {
		args, err := argv(s)
		if err != nil {
			return "", err
		}
		var in strings.Builder
		for _, st := range steps {
			in.WriteString(st.verb + "\t" + st.a + "\t" + st.b + "\n")
		}
		return s.exec(ctx, command{argv: args, stdin: in.String()})
	}
}
