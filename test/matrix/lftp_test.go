//go:build e2e

package matrix

import "strings"

func lftpRows() []row {
	var all []row
	for _, transport := range []string{"plain", "explicit", "implicit"} {
		for _, mode := range []string{"passive", "active"} {
			all = append(all, row{client: "lftp", transport: transport, mode: mode, do: script(lftp)})
		}
	}
	return all
}

func lftp(s *session, steps []step) command {
	url := "ftp://" + address(s.server.ftp)
	switch s.transport {
	case "implicit":
		url = "ftps://" + address(s.server.ftps)
	case "ssh":
		url = "sftp://" + address(s.server.sftp)
	}
	lines := []string{
		"set cmd:fail-exit yes", "set net:max-retries 1", "set net:timeout 20", "set ssl:ca-file " + s.server.caFile,
		"set ftp:ssl-allow " + yes(s.transport != "plain"), "set ftp:ssl-force " + yes(s.transport != "plain"),
		"set ftp:ssl-protect-data yes", "set ftp:passive-mode " + yes(s.mode == "passive"),
		`set sftp:connect-program "ssh -a -x -F /dev/null -o StrictHostKeyChecking=yes -o UserKnownHostsFile=` + s.server.knownHosts + `"`,
		"open -u " + s.user + "," + password + " " + url,
	}
	for _, st := range steps {
		a, b := lftpQuote(st.a), lftpQuote(st.b)
		lines = append(lines, map[string]string{
			put: "put " + a + " -o " + b, get: "get " + a + " -o " + b,
			rePut: "put -c " + a + " -o " + b, reGet: "get -c " + a + " -o " + b,
			list: "cls -1a " + a, move: "mv " + a + " " + b, remove: "rm " + a, makeDir: "mkdir " + a,
		}[st.verb])
	}
	return command{argv: []string{"lftp", "--norc"}, stdin: strings.Join(append(lines, "bye"), "\n") + "\n"}
}

func lftpQuote(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
