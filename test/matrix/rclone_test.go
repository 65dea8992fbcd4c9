//go:build e2e

package matrix

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

func rcloneRows() []row {
	var all []row
	for _, transport := range []string{"plain", "explicit", "implicit"} {
		all = append(all, rclone(transport, "passive"))
		all = append(all, row{client: "rclone", transport: transport, mode: "active", why: "rclone has no active mode"})
	}
	return all
}

func rclone(transport, mode string) row {
	const noResume = "rclone starts a file again"
	r := row{client: "rclone", transport: transport, mode: mode, do: each(rcloneStep), cannot: map[string]string{
		opRePut: noResume, opReGet: noResume,
	}}
	if transport != "ssh" {
		r.remarks = map[string]string{opLarge: "in one stream: of several, rclone 1.60, Debian 12's, ends all but one early, and takes the 426 that follows for a failure, vsftpd's too"}
	}
	return r
}

// obscured is the password as rclone wants it.
var obscured = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	out, err := exec.CommandContext(ctx, "rclone", "obscure", password).Output()
	return strings.TrimSpace(string(out)), err
})

// rcloneStep is configured by the environment alone. The encodings leave names
// as they are, where rclone would replace what some server does not take.
func rcloneStep(s *session, st step) command {
	secret, err := obscured()
	if err != nil {
		return command{argv: []string{"rclone", "obscure"}}
	}
	env := []string{"RCLONE_CONFIG=/dev/null", "SSL_CERT_FILE=" + s.server.caFile, "RCLONE_RETRIES=1", "RCLONE_LOW_LEVEL_RETRIES=1",
		"RCLONE_FTP_HOST=" + host, "RCLONE_FTP_USER=" + s.user, "RCLONE_FTP_PASS=" + secret, "RCLONE_FTP_ENCODING=Slash",
		"RCLONE_SFTP_HOST=" + host, "RCLONE_SFTP_USER=" + s.user, "RCLONE_SFTP_PASS=" + secret, "RCLONE_LOCAL_ENCODING=Slash",
		"RCLONE_SFTP_PORT=" + strconv.Itoa(s.server.sftp), "RCLONE_SFTP_KNOWN_HOSTS_FILE=" + s.server.knownHosts,
	}
	remote := ":ftp:"
	if s.transport != "ssh" {
		env = append(env, "RCLONE_MULTI_THREAD_STREAMS=0")
	}
	switch s.transport {
	case "plain":
		env = append(env, "RCLONE_FTP_PORT="+strconv.Itoa(s.server.ftp))
	case "explicit":
		env = append(env, "RCLONE_FTP_EXPLICIT_TLS=true", "RCLONE_FTP_PORT="+strconv.Itoa(s.server.ftp))
	case "implicit":
		env = append(env, "RCLONE_FTP_TLS=true", "RCLONE_FTP_PORT="+strconv.Itoa(s.server.ftps))
	case "ssh":
		remote = ":sftp:"
	}
	argv := []string{"rclone"}
	switch st.verb {
	case put:
		argv = append(argv, "copyto", st.a, remote+st.b)
	case get:
		argv = append(argv, "copyto", remote+st.a, st.b)
	case list:
		argv = append(argv, "lsf", remote+st.a)
	case move:
		argv = append(argv, "moveto", remote+st.a, remote+st.b)
	case remove:
		argv = append(argv, "deletefile", remote+st.a)
	case makeDir:
		argv = append(argv, "mkdir", remote+st.a)
	}
	return command{argv: argv, env: env}
}
