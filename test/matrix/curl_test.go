//go:build e2e

package matrix

import (
	"net/url"
	"strings"
)

func curlRows() []row {
	var all []row
	for _, transport := range []string{"plain", "explicit", "implicit"} {
		all = append(all, row{client: "curl", transport: transport, mode: "passive", do: each(curl)})
		active := row{client: "curl", transport: transport, mode: "active", do: each(curl)}
		if transport != "plain" {
			active.why = "curl 7.88, Debian 12's, fails by itself once it has accepted a data connection for TLS, as it does with vsftpd"
		}
		all = append(all, active)
	}
	return all
}

func curl(s *session, st step) command {
	argv := []string{"curl", "-sS", "--cacert", s.server.caFile, "--user", s.user + ":" + password}
	root := "ftp://" + address(s.server.ftp) + "/"
	switch s.transport {
	case "explicit":
		argv = append(argv, "--ssl-reqd")
	case "implicit":
		root = "ftps://" + address(s.server.ftps) + "/"
	}
	if s.mode == "active" {
		argv = append(argv, "--ftp-port", "-")
	}
	switch st.verb {
	case put:
		argv = append(argv, "-T", st.a, root+curlPath(st.b))
	case rePut:
		argv = append(argv, "-C", "-", "-T", st.a, root+curlPath(st.b))
	case get:
		argv = append(argv, "-o", st.b, root+curlPath(st.a))
	case reGet:
		argv = append(argv, "-C", "-", "-o", st.b, root+curlPath(st.a))
	case list:
		argv = append(argv, root+curlPath(st.a)+"/")
	case move:
		argv = append(argv, "-I", "-Q", "RNFR "+st.a, "-Q", "RNTO "+st.b, root)
	case remove:
		argv = append(argv, "-I", "-Q", "DELE "+st.a, root)
	case makeDir:
		argv = append(argv, "-I", "-Q", "MKD "+st.a, root)
	}
	return command{argv: argv}
}

func curlPath(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}
