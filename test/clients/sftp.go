package clients

import (
	"fmt"
	"strconv"
)

func sftp() []Case {
	return []Case{
		openSSH("password"),
		openSSH("key"),
		scp("key", "scp"),
		scp("key", "scp -O", "-O"),
		psftp(),
		rcloneSFTP(),
	}
}

// sshOptions make OpenSSH's programs ask nothing and believe only the host
// keys that the credentials name.
func sshOptions(t Target, login string) ([]string, string) {
	options := []string{
		"-F", "/dev/null",
		"-o", "UserKnownHostsFile=" + t.KnownHosts, "-o", "GlobalKnownHostsFile=/dev/null",
		"-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=20",
		"-P", strconv.Itoa(t.SFTP),
	}
	if login == "key" {
		return append(options, "-i", t.KeyFile, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"), t.KeyUser
	}
	return append(options, "-o", "PreferredAuthentications=password", "-o", "NumberOfPasswordPrompts=1"), t.User
}

// password gives a password to OpenSSH, which reads it from a terminal only.
func password(t Target, argv []string) []string {
	return append([]string{"sshpass", "-p", t.Password}, argv...)
}

func openSSH(login string) Case {
	script := func(t Target, do string) command {
		options, user := sshOptions(t, login)
		if login != "password" {
			return command{argv: append(append([]string{"sftp", "-b", "-"}, options...), user+"@"+t.Host), stdin: do + "\n"}
		}
		// -b means BatchMode, and that no password: it is switched off again.
		argv := append([]string{"sftp", "-o", "BatchMode=no", "-b", "-"}, options...)
		return command{argv: password(t, append(argv, user+"@"+t.Host)), stdin: do + "\n"}
	}
	program := "sftp"
	if login == "password" {
		program = "sshpass"
	}
	return Case{
		Protocol: "SFTP", TLS: "-", Mode: login, Client: "OpenSSH sftp", program: program,
		upload: func(t Target, local, remote string) command {
			return script(t, fmt.Sprintf("put %s %s", local, remote))
		},
		download: func(t Target, remote, local string) command {
			return script(t, fmt.Sprintf("get %s %s", remote, local))
		},
	}
}

func scp(login, name string, flags ...string) Case {
	run := func(t Target, from, to string) command {
		options, _ := sshOptions(t, login)
		argv := append(append([]string{"scp", "-q"}, flags...), options...)
		return command{argv: append(argv, from, to)}
	}
	return Case{
		Protocol: "SFTP", TLS: "-", Mode: login, Client: name, program: "scp",
		upload: func(t Target, local, remote string) command {
			return run(t, local, t.KeyUser+"@"+t.Host+":"+remote)
		},
		download: func(t Target, remote, local string) command {
			return run(t, t.KeyUser+"@"+t.Host+":"+remote, local)
		},
	}
}

// psftp is PuTTY's. It takes the host key from its cache alone, which is
// filled by accepting it once.
func psftp() Case {
	script := func(t Target, do string) command {
		shell := `export HOME=$(mktemp -d); trap 'rm -rf "$HOME"' EXIT
printf 'y\n' | psftp -P "$1" -pw "$PASSWORD" -b /dev/null "$0" >/dev/null 2>&1
printf '%s\nquit\n' "$2" | psftp -batch -be -P "$1" -pw "$PASSWORD" -b /dev/stdin "$0"`
		return command{
			argv: []string{"sh", "-c", shell, t.User + "@" + t.Host, strconv.Itoa(t.SFTP), do},
			env:  []string{"PASSWORD=" + t.Password},
		}
	}
	return Case{
		Protocol: "SFTP", TLS: "-", Mode: "password", Client: "psftp", program: "psftp",
		upload: func(t Target, local, remote string) command {
			return script(t, fmt.Sprintf("put %s %s", local, remote))
		},
		download: func(t Target, remote, local string) command {
			return script(t, fmt.Sprintf("get %s %s", remote, local))
		},
	}
}

func rcloneSFTP() Case {
	return rclone("SFTP", "-", "password", ":sftp:", "RCLONE_SFTP_PASS", func(t Target) []string {
		return []string{
			"RCLONE_CONFIG=/dev/null", "RCLONE_SFTP_HOST=" + t.Host, "RCLONE_SFTP_PORT=" + strconv.Itoa(t.SFTP),
			"RCLONE_SFTP_USER=" + t.User, "RCLONE_SFTP_KNOWN_HOSTS_FILE=" + t.KnownHosts,
		}
	})
}
