package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// asked is this program as the client of SSH starts it when it wants a password.
func TestMain(m *testing.M) {
	if password, ok := os.LookupEnv(askPassword); ok {
		os.Stdout.WriteString(password + "\n")
		return
	}
	os.Exit(m.Run())
}

const sayAll = `#!/bin/sh
echo "$(basename "$0") $*"
while [ $# -gt 0 ]; do case $1 in
  UserKnownHostsFile=*) cat "${1#*=}" ;;
  *ca-file*) cat "${1##*ca-file }" ;;
esac; shift; done
[ -n "$SSH_ASKPASS" ] && echo "asked: $("$SSH_ASKPASS" "password:")"
[ -n "$LFTP_PASSWORD" ] && echo "told: $LFTP_PASSWORD"
exit 0
`

func TestConnectStartsAClientThatTrustsTheServerAlone(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"sftp", "lftp"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(sayAll), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	server := object[v1alpha1.FileServer](t, `
metadata: {name: partners, namespace: files}
spec: {}
status: {endpoints: [
  {name: ftp, address: 192.0.2.1, port: 21, url: x}, {name: ftps, address: 192.0.2.1, port: 990, url: x},
  {name: sftp, address: "2001:db8::1", port: 2222, url: x}]}`)
	credentials := object[corev1.Secret](t, `
metadata: {name: alice-credentials, namespace: files}
data: {password: c2VjcmV0, known_hosts: a25vd24K, ca.crt: Y2EK}`)
	user := func(spec, status string) []client.Object {
		return []client.Object{server, credentials, object[v1alpha1.FileServerUser](t, `
metadata: {name: alice, namespace: files}
spec: {serverRef: {name: partners}`+spec+`}
status: {`+status+`}`)}
	}
	bound := "binding: {name: alice-credentials}"
	for name, c := range map[string]struct {
		objects []client.Object
		args    []string
		code    int
		want    []string
	}{
		"by default":               {user("", bound), nil, exitDone, []string{"sftp -P 2222 ", "StrictHostKeyChecking=yes", "alice@[2001:db8::1]\n", "known\n", "asked: secret\n"}},
		"with a key":               {user("", bound), []string{"-i", "id"}, exitDone, []string{"-i id -o IdentitiesOnly=yes alice@"}},
		"by FTPS":                  {user("", bound), []string{"--protocol", "ftps"}, exitDone, []string{"lftp -e ", "verify-certificate yes", "-u alice --env-password ftps://192.0.2.1:990\n", "ca\n", "told: secret\n"}},
		"by what the user may":     {user(", protocols: [ftp], username: Alice", bound), nil, exitDone, []string{"ssl-force yes", "-u Alice --env-password ftp://192.0.2.1:21\n"}},
		"by what the user may not": {user(", protocols: [ftp]", bound), []string{"--protocol", "sftp"}, exitFailed, []string{"cannot connect by sftp"}},
		"without credentials":      {user("", ""), nil, exitFailed, []string{"has no credentials yet"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := call(t, "", c.objects, append([]string{"connect", "alice"}, c.args...)...)
			for _, want := range c.want {
				if !strings.Contains(out+errOut, want) {
					t.Errorf("%q is not in %s%s", want, out, errOut)
				}
			}
			if line, _, _ := strings.Cut(out, "\n"); code != c.code || strings.Contains(line, "secret") {
				t.Errorf("got %d: %s%s", code, out, errOut)
			}
		})
	}
}
