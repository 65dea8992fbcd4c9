//go:build e2e

package killed

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// A client uploads a file, which it reads from its standard input unless its
// command says otherwise.
type client struct {
	name    string
	command func(s *fileserver, name string) *exec.Cmd
}

// all are the clients of the matrix that upload, over each protocol that they know.
func all() []client {
	return []client{
		{"curl-ftp", func(s *fileserver, name string) *exec.Cmd { return curl(s, name) }},
		{"curl-ftps12", func(s *fileserver, name string) *exec.Cmd {
			return curl(s, name, "--ssl-reqd", "--tls-max", "1.2")
		}},
		{"curl-ftps13", func(s *fileserver, name string) *exec.Cmd { return curl(s, name, "--ssl-reqd", "--tlsv1.3") }},
		{"lftp-ftp", func(s *fileserver, name string) *exec.Cmd { return lftp(s, name, "set ftp:ssl-allow no") }},
		{"lftp-ftps12", func(s *fileserver, name string) *exec.Cmd {
			return lftp(s, name, "set ssl:priority NORMAL:-VERS-TLS1.3")
		}},
		{"lftp-ftps13", func(s *fileserver, name string) *exec.Cmd {
			return lftp(s, name, "set ssl:priority NORMAL:-VERS-ALL:+VERS-TLS1.3")
		}},
		{"python-ftp", func(s *fileserver, name string) *exec.Cmd { return python(s, name, "") }},
		{"python-ftps12", func(s *fileserver, name string) *exec.Cmd { return python(s, name, "TLSv1_2") }},
		{"python-ftps13", func(s *fileserver, name string) *exec.Cmd { return python(s, name, "TLSv1_3") }},
		{"rclone-ftp", func(s *fileserver, name string) *exec.Cmd { return rclone(s, name, "") }},
		{"rclone-ftps12", func(s *fileserver, name string) *exec.Cmd {
			return rclone(s, name, ",explicit_tls=true,no_check_certificate=true,disable_tls13=true")
		}},
		{"rclone-ftps13", func(s *fileserver, name string) *exec.Cmd {
			return rclone(s, name, ",explicit_tls=true,no_check_certificate=true")
		}},
		{"ncftp", func(s *fileserver, name string) *exec.Cmd {
			return exec.Command("ncftpput", "-c", "-u", user, "-p", password, "-P", s.ftp, "127.0.0.1", name)
		}},
		{"tnftp", func(s *fileserver, name string) *exec.Cmd {
			cmd := exec.Command("tnftp", "-n", "-p")
			cmd.Stdin = strings.NewReader(fmt.Sprintf("open 127.0.0.1 %s\nuser %s %s\nbinary\nput \"|head -c %d /dev/zero; sleep 60\" %s\n",
				s.ftp, user, password, s.feed(), name))
			return cmd
		}},
		{"sftp", func(s *fileserver, name string) *exec.Cmd {
			return s.script(openSSH(s, "sftp", "-b", "-"), "put big "+name+"\n")
		}},
		{"scp", func(s *fileserver, name string) *exec.Cmd {
			return s.script(openSSH(s, "scp", "-O", "big"), "", name)
		}},
		{"psftp", func(s *fileserver, name string) *exec.Cmd {
			return s.script(putty(s, "psftp"), "put big "+name+"\n", "-b", "/dev/stdin", user+"@127.0.0.1")
		}},
		{"pscp", func(s *fileserver, name string) *exec.Cmd {
			return s.script(putty(s, "pscp"), "", "-scp", "big", user+"@127.0.0.1:"+name)
		}},
	}
}

// packages are Debian's, by program.
var packages = map[string]string{
	"curl": "curl", "lftp": "lftp", "python3": "python3", "rclone": "rclone", "ncftpput": "ncftp", "tnftp": "tnftp",
	"sftp": "openssh-client", "scp": "openssh-client", "psftp": "putty-tools", "pscp": "putty-tools",
}

func curl(s *fileserver, name string, options ...string) *exec.Cmd {
	args := append([]string{"-sS", "-k", "-T", "-", "-u", user + ":" + password}, options...)
	return exec.Command("curl", append(args, "ftp://127.0.0.1:"+s.ftp+"/"+name)...)
}

func lftp(s *fileserver, name, setting string) *exec.Cmd {
	return exec.Command("lftp", "-c", fmt.Sprintf(
		"set net:max-retries 1; set ssl:verify-certificate no; set ftp:ssl-force yes; %s; open -u %s,%s ftp://127.0.0.1:%s; put /dev/stdin -o %s",
		setting, user, password, s.ftp, name))
}

const pythonScript = `
import ftplib, ssl, sys
port, user, password, name, version = int(sys.argv[1]), *sys.argv[2:]
if version:
    context = ssl._create_unverified_context()
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
    ftp = ftplib.FTP_TLS(context=context)
else:
    ftp = ftplib.FTP()
ftp.connect("127.0.0.1", port)
ftp.login(user, password)
if version:
    ftp.prot_p()
ftp.storbinary("STOR " + name, sys.stdin.buffer)
`

func python(s *fileserver, name, version string) *exec.Cmd {
	return exec.Command("python3", "-c", pythonScript, s.ftp, user, password, name, version)
}

func rclone(s *fileserver, name, options string) *exec.Cmd {
	return exec.Command("rclone", "--config", os.DevNull, "--streaming-upload-cutoff", "0", "rcat",
		fmt.Sprintf(":ftp,host=127.0.0.1,port=%s,user=%s,pass=%s%s:%s", s.ftp, user, s.obscured, options, name))
}

// openSSH and putty have the files of the server's folder: the key to log in with,
// and big, which takes a while.
func openSSH(s *fileserver, program string, args ...string) *exec.Cmd {
	options := []string{"-F", os.DevNull, "-P", s.ssh, "-i", "key", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=" + os.DevNull, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"}
	if program == "sftp" {
		args = append(args, user+"@127.0.0.1")
	}
	return exec.Command(program, append(options, args...)...)
}

func putty(s *fileserver, program string) *exec.Cmd {
	return exec.Command(program, "-batch", "-P", s.ssh, "-pw", password, "-hostkey", s.fingerprint)
}

// script gives a command what it reads, and its last arguments.
func (s *fileserver) script(cmd *exec.Cmd, input string, args ...string) *exec.Cmd {
	cmd.Stdin = strings.NewReader(input)
	if cmd.Args[0] == "scp" {
		args[0] = user + "@127.0.0.1:" + args[0]
	}
	cmd.Args = append(cmd.Args, args...)
	return cmd
}
