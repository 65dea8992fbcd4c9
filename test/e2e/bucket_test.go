//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
)

// storePort is where the store of a test listens, in the network namespace of the
// control plane.
const storePort = "17070"

// startStore starts versitygw beside the control plane, with the bucket "files" in the
// folder that it returns, and makes the Secret "bucket" with credentials.
func (n *space) startStore() (endpoint, folder string) {
	n.t.Helper()
	insideOnly(n.t)
	program := os.Getenv("VERSITYGW")
	if program == "" {
		n.t.Fatal("VERSITYGW is not set to the path of versitygw: `make e2e` builds it")
	}
	folder = n.path("store/files")
	for _, dir := range []string{folder, n.path("meta")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			n.t.Fatal(err)
		}
	}
	host := n.kubectl("get", "endpointslice", "kubernetes", "-n", "default", "-o", "jsonpath={.endpoints[0].addresses[0]}")
	address := host + ":" + storePort
	i := &issuers{n: n}
	i.start("env", "ROOT_ACCESS_KEY=key", "ROOT_SECRET_KEY=secret-of-the-test",
		program, "--port", address, "--quiet", "posix", "--sidecar", n.path("meta"), n.path("store"))
	n.applyObject(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "bucket"},
		"stringData": map[string]string{"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret-of-the-test"},
	})
	return "http://" + address, folder
}

// TestFilesInABucketNeedNoVolume has two pods, on two nodes, serve one bucket to every
// kind of client behind one address.
func TestFilesInABucketNeedNoVolume(t *testing.T) {
	n := newSpace(t)
	endpoint, folder := n.startStore()
	missing := folder + ".away"
	if err := os.Rename(folder, missing); err != nil {
		t.Fatal(err)
	}
	target := n.serve(fmt.Sprintf("{replicas: 2, passive: {peerCheck: Any}, storage: {bucket: {name: files, endpoint: %q, prefix: ftp, pathStyle: true, credentialsSecretRef: {name: bucket}}}}", endpoint))
	n.eventually("the status says that there is no bucket", func() error {
		got := n.kubectl("get", "fileserver", "files", "-o", `jsonpath={.status.conditions[?(@.type=="Reconciling")].reason}`)
		if got != "BucketNotFound" {
			return fmt.Errorf("the reason is %q", got)
		}
		return nil
	})
	if err := os.Rename(missing, folder); err != nil {
		t.Fatal(err)
	}
	n.settled(2)
	nodes := strings.Fields(n.kubectl("get", "pods", "-l", "fileserver.dev/server=files", "-o", "jsonpath={.items[*].spec.nodeName}"))
	slices.Sort(nodes)
	if nodes = slices.Compact(nodes); len(nodes) != 2 {
		t.Errorf("the pods are on the nodes %q", nodes)
	}
	if claims := n.kubectl("get", "pvc", "-o", "name"); strings.TrimSpace(claims) != "" {
		t.Errorf("there are claims: %s", claims)
	}
	file := n.file("file", strings.Repeat("all work and no play\r\n", 500_000))
	for _, test := range clients.Cases() {
		// Pods on several nodes hide the addresses of clients, and so refuse active mode.
		if test.Plain() || strings.Contains(test.Name(), "active") && !strings.Contains(test.Name(), "passive") {
			continue
		}
		t.Run(test.Name(), func(t *testing.T) {
			if missing := test.Missing(); missing != "" {
				t.Fatalf("%s is not installed", missing)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for _, r := range test.Run(ctx, target, kube.Client, file, tempDir(t)) {
				if r.Err != nil {
					t.Errorf("%s: %v", r.Direction, r.Err)
				}
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	r := startLoad(ctx, t, target, "-sessions", "40", "-transfers", "5", "-size", "2048", "-kinds", "ftp-epsv,ftp-pasv,ftps-epsv,ftps-pasv").wait()
	fmt.Printf("bucket replicas=2 sessions=%d %s\n", r.Sessions, r)
	if !r.lossless() {
		t.Error(r)
	}
}
