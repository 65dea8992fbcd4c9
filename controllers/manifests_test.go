package controllers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// kubectl runs it against the API server of the tests.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig(t, restConfig), "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func kubeconfig(t *testing.T, cfg *rest.Config) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"test": {Server: cfg.Host, CertificateAuthorityData: cfg.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"test": {ClientCertificateData: cfg.CertData, ClientKeyData: cfg.KeyData}},
		Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: "test"}},
		CurrentContext: "test",
	}, path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheManifestsOfTheOperatorApply(t *testing.T) {
	t.Parallel()
	out := kubectl(t, "apply", "--server-side", "--force-conflicts", "-k", filepath.Join("..", "config", "default"))
	if strings.Contains(out, "Warning") {
		t.Error(out)
	}
}

func TestTheSamplesApply(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	kubectl(t, "-n", ns, "apply", "-k", filepath.Join("..", "config", "samples"))
	// What people see at a glance.
	cluster{t, ns}.start("files-0", "")
	cluster{t, ns}.address("files", "198.51.100.70")
	ready(t, fileServer(ns, "files"), "Ready")
	lines := strings.Split(kubectl(t, "-n", ns, "get", "fsrv", "files"), "\n")
	if got := strings.Join(strings.Fields(lines[0]), " "); got != "NAME READY REASON ADDRESS PORTS REPLICAS AVAILABLE AGE" {
		t.Errorf("the columns are %s", got)
	}
	if got := strings.Join(strings.Fields(lines[1])[:7], " "); got != "files True Ready 198.51.100.70 ftp:21,ftps:990,sftp:22 1 1" {
		t.Errorf("the row is %s", got)
	}
	ready(t, user(ns, "alice", "files"), "Loaded")
	lines = strings.Split(kubectl(t, "-n", ns, "get", "fsu", "alice"), "\n")
	if got := strings.Join(strings.Fields(lines[1])[:6], " "); got != "alice True Loaded files alice ReadWrite" {
		t.Errorf("the row is %s", got)
	}
	if got := kubectl(t, "-n", ns, "get", "file-transfer"); !strings.Contains(got, "fileserver.fileserver.dev/files") || !strings.Contains(got, "fileserveruser.fileserver.dev/alice") {
		t.Errorf("the category has:\n%s", got)
	}
	if got := kubectl(t, "-n", ns, "get", "fsu", "--field-selector", "spec.serverRef.name=files", "-o", "name"); got != "fileserveruser.fileserver.dev/alice\n" {
		t.Errorf("the users of the server are:\n%s", got)
	}
}
