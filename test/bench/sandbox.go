package main

import (
	"errors"
	"fmt"
	"os"
)

// sandbox puts a folder's files over those of the system, for the program in
// the remaining arguments. The shell stays, as the first process, to which
// orphans go: vsftpd ends when it gets one.
const sandbox = `
for f in passwd group shadow pam.d; do mount --bind "$1/$f" /etc/$f; done
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd
shift
"$@" &
wait $!`

// opensslConfig has every peer use the cipher suite that ours uses.
const opensslConfig = `openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
Ciphersuites = TLS_AES_128_GCM_SHA256
CipherString = ECDHE+AESGCM
`

// makeSandbox writes the files that peers see.
func (e *environment) makeSandbox() error {
	dir := e.path("sandbox")
	passwd := `root:x:0:0::/:/bin/false
nobody:x:65534:65534::/:/bin/false
sshd:x:61235:61235::/run/sshd:/bin/false
ftp:x:61236:61236::` + e.path("empty") + `:/bin/false
` + fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh\n", account, uid, uid, e.files)
	group := fmt.Sprintf("root:x:0:\nnogroup:x:65534:\nsshd:x:61235:\nftp:x:61236:\nshadow:x:42:\n%s:x:%d:\n", account, uid)
	shadow := fmt.Sprintf("root:*:::::::\n%s:%s:::::::\n", account, e.hash)
	pam := "auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so\n"
	return errors.Join(
		os.MkdirAll(dir+"/pam.d", 0o755),
		os.WriteFile(dir+"/passwd", []byte(passwd), 0o644),
		os.WriteFile(dir+"/group", []byte(group), 0o644),
		os.WriteFile(dir+"/shadow", []byte(shadow), 0o600),
		os.WriteFile(dir+"/pam.d/vsftpd", []byte(pam), 0o644),
		os.WriteFile(e.path("openssl.cnf"), []byte(opensslConfig), 0o644),
	)
}
