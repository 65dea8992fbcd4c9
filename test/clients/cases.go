package clients

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Cases are all ways that are tried, grouped by protocol. Two are left out, as
// they cannot work whatever the server does: ncftp in active mode refuses a data
// connection from another address than the one that it connected to, and behind
// a balancer that is the node's; and curl 7.88, Debian 12's, fails in active mode
// with TLS once it has accepted the connection.
func Cases() []Case {
	var cases []Case
	for _, group := range [][]Case{plainFTP(), explicitTLS(), implicitTLS(), sftp()} {
		cases = append(cases, group...)
	}
	return cases
}

func plainFTP() []Case {
	return []Case{
		tnftp("passive", "-p"),
		tnftp("active", "-A"),
		inetutils("passive"),
		inetutils("active"),
		ncftp("passive", "-F"),
		curl("FTP", "none", "passive EPSV"),
		curl("FTP", "none", "passive PASV", "--disable-epsv"),
		curl("FTP", "none", "active", "--ftp-port", "-"),
	}
}

func explicitTLS() []Case {
	return []Case{
		lftp("FTP", "explicit", "passive PASV", "set ftp:prefer-epsv no"),
		lftp("FTP", "explicit", "passive EPSV", "set ftp:prefer-epsv yes"),
		lftp("FTP", "explicit", "active", "set ftp:passive-mode no"),
		curl("FTP", "explicit", "passive PASV", "--ssl-reqd", "--disable-epsv"),
		curl("FTP", "explicit", "passive EPSV", "--ssl-reqd"),
		ftplib(),
		rcloneFTP(),
	}
}

func implicitTLS() []Case {
	return []Case{
		lftp("FTPS", "implicit", "passive PASV", "set ftp:prefer-epsv no"),
		lftp("FTPS", "implicit", "active", "set ftp:passive-mode no"),
		curl("FTPS", "implicit", "passive EPSV"),
	}
}

func (t Target) address(port int) string { return t.Host + ":" + strconv.Itoa(port) }

func curl(protocol, tls, mode string, options ...string) Case {
	args := func(t Target, remote string) []string {
		url := "ftp://" + t.address(t.FTP) + "/" + remote
		if tls == "implicit" {
			url = "ftps://" + t.address(t.FTPS) + "/" + remote
		}
		a := append([]string{"curl", "-sS", "--cacert", t.CAFile, "--user", t.User + ":" + t.Password}, options...)
		return append(a, url)
	}
	return Case{
		Protocol: protocol, TLS: tls, Mode: mode, Client: "curl", program: "curl",
		upload: func(t Target, local, remote string) command {
			return command{argv: append(args(t, remote), "-T", local)}
		},
		download: func(t Target, remote, local string) command {
			return command{argv: append(args(t, remote), "-o", local)}
		},
	}
}

func lftp(protocol, tls, mode string, options ...string) Case {
	script := func(t Target, do string) command {
		url := "ftp://" + t.address(t.FTP)
		if tls == "implicit" {
			url = "ftps://" + t.address(t.FTPS)
		}
		lines := append([]string{
			"debug 5", "set cmd:fail-exit yes", "set net:max-retries 1", "set net:timeout 20",
			"set ftp:ssl-force yes", "set ftp:ssl-protect-data yes", "set ssl:ca-file " + t.CAFile,
		}, options...)
		lines = append(lines, "open -u "+t.User+","+t.Password+" "+url, do, "bye")
		return command{argv: []string{"lftp", "--norc"}, stdin: strings.Join(lines, "\n") + "\n"}
	}
	return Case{
		Protocol: protocol, TLS: tls, Mode: mode, Client: "lftp", program: "lftp",
		upload: func(t Target, local, remote string) command {
			return script(t, fmt.Sprintf("put %s -o %s", local, remote))
		},
		download: func(t Target, remote, local string) command {
			return script(t, fmt.Sprintf("get %s -o %s", remote, local))
		},
	}
}

// oldFTP is a program with the commands of BSD's ftp. Those exit 0 whatever
// happens, so that only the checksum tells.
func oldFTP(client, mode string, argv []string, before ...string) Case {
	script := func(t Target, do string) command {
		lines := append([]string{"open " + t.Host + " " + strconv.Itoa(t.FTP), "user " + t.User + " " + t.Password}, before...)
		lines = append(lines, "binary", do, "quit")
		return command{argv: argv, stdin: strings.Join(lines, "\n") + "\n"}
	}
	return Case{
		Protocol: "FTP", TLS: "none", Mode: mode, Client: client, program: argv[0],
		upload: func(t Target, local, remote string) command {
			return script(t, "put "+local+" "+remote)
		},
		download: func(t Target, remote, local string) command {
			return script(t, "get "+remote+" "+local)
		},
	}
}

func tnftp(mode, flag string) Case {
	return oldFTP("tnftp", mode, []string{"tnftp", "-n", "-i", "-V", flag})
}

func inetutils(mode string) Case {
	argv := []string{"inetutils-ftp", "-n", "-i"}
	if mode == "passive" {
		argv = append(argv, "-p")
	}
	return oldFTP("inetutils ftp", mode, argv)
}

func ncftp(mode, flag string) Case {
	args := func(program string, t Target) []string {
		return []string{program, "-V", flag, "-t", "20", "-u", t.User, "-p", t.Password, "-P", strconv.Itoa(t.FTP)}
	}
	return Case{
		Protocol: "FTP", TLS: "none", Mode: mode, Client: "ncftp", program: "ncftpput",
		upload: func(t Target, local, remote string) command {
			return command{argv: append(args("ncftpput", t), "-C", t.Host, local, remote)}
		},
		download: func(t Target, remote, local string) command {
			return command{argv: append(args("ncftpget", t), "-C", t.Host, remote, local)}
		},
	}
}

// ftplib is the client of Python's standard library, which resumes no TLS
// session for its data connections.
func ftplib() Case {
	const head = `
import ftplib, ssl, sys
host, port, user, password, ca, remote, local = sys.argv[1:]
ftp = ftplib.FTP_TLS(context=ssl.create_default_context(cafile=ca), timeout=20)
ftp.set_debuglevel(1)
ftp.connect(host, int(port)); ftp.login(user, password); ftp.prot_p()
`
	args := func(t Target, do, remote, local string) command {
		return command{argv: []string{"python3", "-c", head + do + "\nftp.quit()",
			t.Host, strconv.Itoa(t.FTP), t.User, t.Password, t.CAFile, remote, local}}
	}
	return Case{
		Protocol: "FTP", TLS: "explicit", Mode: "passive", Client: "Python ftplib", program: "python3",
		upload: func(t Target, local, remote string) command {
			return args(t, `ftp.storbinary("STOR " + remote, open(local, "rb"), 1 << 18)`, remote, local)
		},
		download: func(t Target, remote, local string) command {
			return args(t, `ftp.retrbinary("RETR " + remote, open(local, "wb").write, 1 << 18)`, remote, local)
		},
	}
}

func rcloneFTP() Case {
	env := func(t Target) []string {
		return []string{
			"RCLONE_CONFIG=/dev/null", "SSL_CERT_FILE=" + t.CAFile,
			"RCLONE_FTP_HOST=" + t.Host, "RCLONE_FTP_PORT=" + strconv.Itoa(t.FTP),
			"RCLONE_FTP_USER=" + t.User, "RCLONE_FTP_EXPLICIT_TLS=true",
		}
	}
	return rclone("FTP", "explicit", "passive EPSV", ":ftp:", "RCLONE_FTP_PASS", env)
}

// rclone is configured by its environment alone. It wants the password
// obscured, which a shell around it does.
func rclone(protocol, tls, mode, remoteName, passVariable string, env func(Target) []string) Case {
	run := func(t Target, from, to string) command {
		shell := fmt.Sprintf(`%s=$(rclone obscure "$PASSWORD") exec rclone copyto --retries 1 --low-level-retries 1 "$0" "$1"`, passVariable)
		return command{
			argv: []string{"sh", "-c", shell, from, to},
			env:  append(env(t), "PASSWORD="+t.Password),
		}
	}
	return Case{
		Protocol: protocol, TLS: tls, Mode: mode, Client: "rclone", program: "rclone",
		upload: func(t Target, local, remote string) command {
			return run(t, local, remoteName+remote)
		},
		download: func(t Target, remote, local string) command {
			return run(t, remoteName+remote, filepath.Clean(local))
		},
	}
}
