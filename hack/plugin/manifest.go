package main

import (
	"fmt"
	"strings"
)

const head = `apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: fileserver
spec:
  version: %s
  homepage: https://github.com/fileserver-dev/fileserver-operator
  shortDescription: Check file servers, and move accounts to them
  description: |
    Looks after the FTP, FTPS and SFTP servers of fileserver-operator.
    "check" tries a server from where you are, as its clients do, and names the
    one thing that is wrong. "import" says the accounts of vsftpd, Pure-FTPd,
    ProFTPD, atmoz/sftp, SFTPGo, AWS Transfer Family and Unix as YAML.
  platforms:
`

const one = `  - selector: {matchLabels: {os: %s, arch: %s}}
    uri: %s/%s
    sha256: %s
    bin: %s
    files:
    - {from: %[6]s, to: .}
    - {from: %[7]s, to: .}
`

// manifest is what krew reads. sums has the SHA-256 of each platform's archive.
func manifest(version, from string, sums map[platform]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, head, version)
	for _, p := range platforms {
		fmt.Fprintf(&b, one, p.os, p.arch, from, archive(p), sums[p], program, license)
	}
	return b.String()
}
