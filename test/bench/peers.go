package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// conf writes a peer's configuration and returns its path.
func (e *environment) conf(name, format string, args ...any) (string, error) {
	path := e.path(name)
	return path, os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600)
}

func startVsftpd(e *environment) (*server, error) {
	first, err := e.freePorts(passivePorts + 1)
	if err != nil {
		return nil, err
	}
	port := first + passivePorts
	conf, err := e.conf("vsftpd.conf", `listen=YES
background=NO
listen_address=%s
listen_port=%d
pasv_min_port=%d
pasv_max_port=%d
anonymous_enable=NO
local_enable=YES
write_enable=YES
chroot_local_user=YES
allow_writeable_chroot=YES
secure_chroot_dir=%s
pam_service_name=vsftpd
seccomp_sandbox=NO
max_clients=0
max_per_ip=0
xferlog_enable=YES
vsftpd_log_file=%s
ssl_enable=YES
force_local_data_ssl=NO
force_local_logins_ssl=NO
require_ssl_reuse=NO
rsa_cert_file=%s
rsa_private_key_file=%s
ssl_ciphers=ECDHE+AESGCM
`, e.host, port, first, port-1, e.path("empty"), e.path("logs", "vsftpd.xferlog"), e.cert, e.key)
	if err != nil {
		return nil, err
	}
	p, err := e.launch("vsftpd", port, e.peerCommand("usr/sbin/vsftpd", conf))
	return &server{name: "vsftpd", ftp: e.addr(port), process: p}, err
}

func startProftpd(e *environment) (*server, error) {
	first, err := e.freePorts(passivePorts + 1)
	if err != nil {
		return nil, err
	}
	port := first + passivePorts
	conf, err := e.conf("proftpd.conf", `ServerType standalone
DefaultAddress %s
Port %d
PassivePorts %d %d
UseIPv6 off
User nobody
Group nogroup
Umask 022
ModulePath %s
LoadModule mod_tls.c
AuthUserFile %s
AuthOrder mod_auth_file.c
RequireValidShell off
DefaultRoot ~
AllowOverwrite on
UseReverseDNS off
DelayEngine off
WtmpLog off
MaxInstances 4000
PidFile %s
ScoreboardFile %s
TransferLog %s
SystemLog %s
TLSEngine on
TLSProtocol TLSv1.2 TLSv1.3
TLSCipherSuite ECDHE+AESGCM
TLSECCertificateFile %s
TLSECCertificateKeyFile %s
TLSOptions NoSessionReuseRequired
TLSRequired off
`, e.host, port, first, port-1, filepath.Join(e.peers, "usr/lib/proftpd"), e.path("proftpd.passwd"), e.path("proftpd.pid"),
		e.path("logs", "proftpd.scoreboard"), e.path("logs", "proftpd.xferlog"), e.path("logs", "proftpd.syslog"), e.cert, e.key)
	if err != nil {
		return nil, err
	}
	if _, err := e.conf("proftpd.passwd", "%s:%s:%d:%d::%s:/bin/false\n", account, e.hash, uid, uid, e.files); err != nil {
		return nil, err
	}
	p, err := e.launch("proftpd", port, e.peerCommand("usr/sbin/proftpd", "--nodaemon", "--config", conf))
	return &server{name: "proftpd", ftp: e.addr(port), process: p}, err
}

func startPureFTPd(e *environment) (*server, error) {
	const ports = 2 * idleSessions * 21 / 20 // it allows a session for two of them
	first, err := e.freePorts(ports + 1)
	if err != nil {
		return nil, err
	}
	port := first + ports
	passwd, err := e.conf("pureftpd.passwd", "%s:%s:%d:%d::%s/./::::::::::::\n", account, e.hash, uid, uid, e.files)
	if err != nil {
		return nil, err
	}
	db := e.path("pureftpd.pdb")
	if err := e.command("usr/bin/pure-pw", "mkdb", db, "-f", passwd); err != nil {
		return nil, err
	}
	p, err := e.launch("pure-ftpd", port, e.peerCommand("usr/sbin/pure-ftpd",
		"-S", fmt.Sprintf("%s,%d", e.host, port), "-p", fmt.Sprintf("%d:%d", first, port-1), "-l", "puredb:"+db,
		"-A", "-E", "-H", "-4", "-u", "1", "-c", "4000", "-C", "4000", "-g", e.path("pureftpd.pid"),
		"-O", "clf:"+e.path("logs", "pureftpd.xferlog"), "-Y", "1", "-2", e.cert, "-J", "ECDHE+AESGCM"))
	return &server{name: "pure-ftpd", ftp: e.addr(port), process: p}, err
}

func startSSHD(e *environment) (*server, error) {
	port, err := e.freePorts(1)
	if err != nil {
		return nil, err
	}
	conf, err := e.conf("sshd_config", `ListenAddress %s
Port %d
HostKey %s
AuthorizedKeysFile %s
StrictModes no
UsePAM no
PasswordAuthentication no
PidFile none
MaxStartups 4000
Subsystem sftp internal-sftp
`, e.host, port, e.path("sshd_host_key"), e.path("authorized_keys"))
	if err != nil {
		return nil, err
	}
	p, err := e.launch("openssh", port, e.peerCommand("usr/sbin/sshd", "-D", "-e", "-f", conf))
	return &server{name: "openssh", sftp: e.addr(port), process: p}, err
}
