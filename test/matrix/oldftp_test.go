//go:build e2e

package matrix

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

const noTLS = "this client knows no TLS"

func tnftpRows() []row {
	return withoutTLS(row{client: "tnftp"}, oldFTP(func(s *session) []string {
		return []string{"tnftp", "-n", "-i", "-v", map[string]string{"passive": "-p", "active": "-A"}[s.mode]}
	}))
}

func inetutilsRows() []row {
	return withoutTLS(row{client: "inetutils-ftp"}, oldFTP(func(s *session) []string {
		argv := []string{"inetutils-ftp", "-n", "-i", "-v"}
		if s.mode == "passive" {
			argv = append(argv, "-p")
		}
		return argv
	}))
}

func ncftpRows() []row {
	return withoutTLS(row{client: "ncftp"}, script(ncftp))
}

func withoutTLS(r row, do func(context.Context, *session, []step) (string, error)) []row {
	var all []row
	for _, transport := range []string{"plain", "explicit", "implicit"} {
		for _, mode := range []string{"passive", "active"} {
			r.transport, r.mode, r.do, r.why = transport, mode, do, ""
			if transport != "plain" {
				r.why = noTLS
			}
			all = append(all, r)
		}
	}
	return all
}

// refusal is a reply that tells of an error.
var refusal = regexp.MustCompile(`(?m)^[45]\d\d .*`)

// oldFTP takes commands as BSD's ftp does. Those programs exit with 0 whatever
// happens, so that the replies are looked at.
func oldFTP(argv func(*session) []string) func(context.Context, *session, []step) (string, error) {
	do := script(func(s *session, steps []step) command {
		lines := []string{fmt.Sprintf("open %s %d", host, s.server.ftp), "user " + s.user + " " + password, "binary"}
		for _, st := range steps {
			a, b := lftpQuote(st.a), lftpQuote(st.b)
			lines = append(lines, map[string]string{
				put: "put " + a + " " + b, get: "get " + a + " " + b, reGet: "reget " + a + " " + b,
				rePut: fmt.Sprintf("restart %d\nput %s %s", s.long.size-resumed, a, b),
				list:  "ls " + a, move: "rename " + a + " " + b, remove: "delete " + a, makeDir: "mkdir " + a,
			}[st.verb])
		}
		return command{argv: argv(s), stdin: strings.Join(append(lines, "quit"), "\n") + "\n"}
	})
	return func(ctx context.Context, s *session, steps []step) (string, error) {
		out, err := do(ctx, s, steps)
		if reply := refusal.FindString(out); err == nil && reply != "" {
			err = fmt.Errorf("the server replied %q", reply)
		}
		return out, err
	}
}

func ncftp(s *session, steps []step) command {
	lines := []string{
		"set auto-ascii no", "set auto-resume yes", "set confirm-close no", "set save-passwords no",
		"set passive " + map[string]string{"passive": "on", "active": "off"}[s.mode],
		fmt.Sprintf("open -u %s -p %s -P %d %s", s.user, password, s.server.ftp, host),
	}
	for _, st := range steps {
		a, b := lftpQuote(st.a), lftpQuote(st.b)
		lines = append(lines, map[string]string{
			put: "put -z " + a + " " + b, get: "get -z " + a + " " + b,
			rePut: "put -z " + a + " " + b, reGet: "get -z " + a + " " + b,
			list: "ls -1a " + a, move: "rename " + a + " " + b, remove: "rm " + a, makeDir: "mkdir " + a,
		}[st.verb])
	}
	return command{argv: []string{"ncftp"}, stdin: strings.Join(append(lines, "quit"), "\n") + "\n"}
}
