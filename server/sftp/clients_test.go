package sftp_test

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// clients are other programs: each puts the file up, renames it, lists the
// directory, gets it as back, and removes it. PORT, KEY (a fingerprint) and
// DIR are replaced.
var clients = map[string][]string{
	"psftp": {"psftp", "-batch", "-P", "PORT", "-l", "alice", "-pw", password, "-hostkey", "KEY", "-bc", "127.0.0.1"},
	"lftp": {"lftp", "-c", `set sftp:auto-confirm yes; set sftp:connect-program "ssh -a -x -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null";
		open -u alice,'` + password + `' -p PORT sftp://127.0.0.1; mkdir dir; put file -o dir/first; mv dir/first dir/second; cls -l dir; get dir/second -o back; rm dir/second; rmdir dir`},
	"rclone": {"sh", "-ec", `export RCLONE_CONFIG=/dev/null; flags="--sftp-host 127.0.0.1 --sftp-port PORT --sftp-user alice --sftp-pass $(rclone obscure '` + password + `')"
		rclone copyto $flags file :sftp:dir/first; rclone moveto $flags :sftp:dir/first :sftp:dir/second; rclone ls $flags :sftp:dir
		rclone copyto $flags :sftp:dir/second back; mkdir same; cp file same/second
		rclone check $flags -vv same :sftp:dir 2>&1 | grep -q 'Using md5 for hash comparisons'; rclone delete $flags :sftp:dir`},
	"paramiko": {debianPython, "-c", `
import paramiko
t = paramiko.Transport(("127.0.0.1", PORT))
t.connect(username="alice", password="` + password + `")
s = paramiko.SFTPClient.from_transport(t)
s.mkdir("dir"); s.put("file", "dir/first"); s.rename("dir/first", "dir/second"); s.posix_rename("dir/second", "dir/third"); s.posix_rename("dir/third", "dir/second")
print(s.listdir_attr("dir")[0]); s.chmod("dir/second", 0o600); s.utime("dir/second", (1, 2)); assert s.stat("dir/second").st_mtime == 2
s.symlink("second", "dir/link"); assert s.readlink("dir/link") == "second"; s.remove("dir/link")
s.get("dir/second", "back"); s.remove("dir/second"); s.rmdir("dir"); t.close()`},
}

// debianPython is the Python that the distribution's packages are for. Another
// one may come first in the path.
const debianPython = "/usr/bin/python3"

func TestOtherClientsMoveFiles(t *testing.T) {
	t.Parallel()
	for name, args := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program(t, args[0])
			program(t, strings.Replace(name, "paramiko", debianPython, 1))
			if name == "paramiko" && exec.Command(debianPython, "-c", "import paramiko").Run() != nil {
				t.Skip("paramiko is not installed")
			}
			o := serve(t).openSSH()
			content := random(2<<20 + 5)
			o.write("file", content)
			_, port, _ := net.SplitHostPort(o.addr)
			replace := strings.NewReplacer("PORT", port, "KEY", ssh.FingerprintSHA256(o.hostKey.PublicKey()))
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, args[0])
			for _, a := range args[1:] {
				cmd.Args = append(cmd.Args, replace.Replace(a))
			}
			cmd.Dir, cmd.WaitDelay = o.home, time.Second
			cmd.Env = append(cmd.Environ(), "HOME="+o.home)
			cmd.Stdin = strings.NewReader("mkdir dir\nput file dir/first\nmv dir/first dir/second\nls dir\nget dir/second back\nrm dir/second\nrmdir dir\n")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			o.noHostPath(string(out))
			if !strings.Contains(string(out), "second") && name != "paramiko" {
				t.Errorf("the listing is missing:\n%s", out)
			}
			if o.read("back") != content {
				t.Error("what came back differs")
			}
			if left, _ := filepath.Glob(filepath.Join(o.dir, "*", "*")); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

func TestPSCPSpeaksBothProtocols(t *testing.T) {
	t.Parallel()
	program(t, "pscp")
	o := serve(t).openSSH()
	o.write("file", "content")
	_, port, _ := net.SplitHostPort(o.addr)
	for _, protocol := range []string{"-scp", "-sftp"} {
		run := func(args ...string) {
			t.Helper()
			args = append([]string{protocol, "-batch", "-P", port, "-pw", password, "-hostkey", ssh.FingerprintSHA256(o.hostKey.PublicKey()), "-p"}, args...)
			cmd := exec.CommandContext(t.Context(), "pscp", args...)
			cmd.Dir, cmd.Env = o.home, append(cmd.Environ(), "HOME="+o.home)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", protocol, err, out)
			}
		}
		run("file", "alice@127.0.0.1:up"+protocol)
		run("alice@127.0.0.1:up"+protocol, "back"+protocol)
		if o.read("back"+protocol) != "content" {
			t.Errorf("%s: what came back differs", protocol)
		}
	}
}

// TestAnotherAttemptOfParamikoIsExplained is what is left of a fault that only
// x/crypto can mend (https://github.com/golang/go/issues/75268). When it fails because
// the login succeeds, it can go, with isSecondServiceRequest.
func TestAnotherAttemptOfParamikoIsExplained(t *testing.T) {
	t.Parallel()
	if exec.Command(debianPython, "-c", "import paramiko").Run() != nil {
		t.Skip("paramiko is not installed")
	}
	f := serve(t)
	_, port, _ := net.SplitHostPort(f.addr)
	attempts := `
import paramiko
t = paramiko.Transport(("127.0.0.1", ` + port + `)); t.start_client()
for key in (paramiko.ECDSAKey.generate(), None):
    try:
        t.auth_publickey("alice", key) if key else t.auth_password("alice", "` + password + `")
        print("logged in")
    except paramiko.SSHException as e:
        print(e)`
	out, err := exec.CommandContext(t.Context(), debianPython, "-c", attempts).CombinedOutput()
	if err != nil || strings.Contains(string(out), "logged in") {
		t.Fatalf("%v\n%s", err, out)
	}
	f.events.session(t)
	if log := f.log.String(); !strings.Contains(log, "a second time") || !strings.Contains(log, "client=paramiko_") {
		t.Errorf("not explained: %s\n%s", log, out)
	}
}
