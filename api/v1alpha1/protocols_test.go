package v1alpha1_test

import (
	"strings"
	"testing"
)

func TestProtocolsRefused(t *testing.T) {
	refused(t, map[string]refusal{
		"an unknown field": {
			`spec: {protocols: {sftp: {prot: 22}}}`,
			`unknown field "spec.protocols.sftp.prot"`,
		},
		"no protocol": {
			`spec: {protocols: {}}`,
			`no protocol is enabled: name at least one of ftp, ftps and sftp, as in 'protocols: {sftp: {}}', or leave protocols out to get all three`,
		},
		"FTP and SFTP on one port": {
			`spec: {protocols: {ftp: {}, sftp: {port: 21}}}`,
			`ftp and sftp have a port in common: give each port and dataPort a number of its own`,
		},
		"FTP's data port on SFTP's port": {
			`spec: {protocols: {ftp: {dataPort: 22}, sftp: {}}}`,
			`ftp and sftp have a port in common`,
		},
		"FTP and FTPS on one port": {
			`spec: {protocols: {ftp: {port: 990}, ftps: {}}}`,
			`ftp and ftps have a port in common: give each port and dataPort a number of its own`,
		},
		"FTP and FTPS with one data port": {
			`spec: {protocols: {ftp: {}, ftps: {dataPort: 20}}}`,
			`ftp and ftps have a port in common`,
		},
		"FTPS and SFTP on one port": {
			`spec: {protocols: {ftps: {}, sftp: {port: 990}}}`,
			`ftps and sftp have a port in common: give each port and dataPort a number of its own`,
		},
		"FTP's port as its data port": {
			`spec: {protocols: {ftp: {port: 2121, dataPort: 2121}}}`,
			`port and dataPort are the same: give each a number of its own`,
		},
		"FTPS's port as its data port": {
			`spec: {protocols: {ftps: {port: 989}}}`,
			`port and dataPort are the same: give each a number of its own`,
		},
		"the pod's own port": {
			`spec: {protocols: {sftp: {port: 9090}}}`,
			`metrics.port, which is 9090 by default, is a port of the protocols too: choose another one for either`,
		},
		"a port above 65535": {
			`spec: {protocols: {sftp: {port: 70000}}}`,
			`spec.protocols.sftp.port in body should be less than or equal to 65535`,
		},
		"an authority of users that is none": {
			`spec: {protocols: {sftp: {trustedUserCAKeys: [nonsense]}}}`,
			`trustedUserCAKeys has something that is not a public key: write each as in the authority's .pub file`,
		},
		"a cipher with a typing error": {
			`spec: {protocols: {sftp: {algorithms: {ciphers: [aes256-crt]}}}}`,
			`spec.protocols.sftp.algorithms.ciphers[0]: Unsupported value: "aes256-crt"`,
		},
		"an algorithm of another kind": {
			`spec: {protocols: {sftp: {algorithms: {macs: [ssh-rsa]}}}}`,
			`spec.protocols.sftp.algorithms.macs[0]: Unsupported value: "ssh-rsa"`,
		},
		"an active mode that is none": {
			`spec: {activeMode: Maybe}`,
			`spec.activeMode: Unsupported value: "Maybe": supported values: "Allowed", "Refused"`,
		},
		"a banner with a carriage return": {
			`spec: {ftpBanner: "Hello\r\n220 there"}`,
			`ftpBanner has a control character, such as a tab or a carriage return: write plain text, with line feeds between lines`,
		},
		"a banner that is too long": {
			`spec: {ftpBanner: "` + strings.Repeat("x", 2049) + `"}`,
			`spec.ftpBanner: Too long: may not be more than 2048`,
		},
		"an ASCII mode that is none": {
			`spec: {ascii: Guess}`,
			`spec.ascii: Unsupported value: "Guess": supported values: "Convert", "Keep"`,
		},
	})
}
