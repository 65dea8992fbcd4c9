// Command demo shows the product at work: a real Kubernetes on this machine,
// the operator in it, two file servers, and the programs that people use moving
// files over every protocol and mode, from outside of the cluster. It leaves all
// of it running to be looked at; -down removes it.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
	"github.com/fileserver-dev/fileserver-operator/test/cluster"
	"github.com/fileserver-dev/fileserver-operator/test/operator"
)

const (
	name      = "demo" // of the cluster and the namespace
	megabytes = 64     // of the file that is moved
)

// manifests are what a user would write. The second server is there for the
// clients that know no TLS.
const manifests = `
apiVersion: fileserver.dev/v1alpha1
kind: FileServer
metadata: {name: partners}
spec: {}
---
apiVersion: fileserver.dev/v1alpha1
kind: FileServerUser
metadata: {name: alice}
spec:
  serverRef: {name: partners}
---
apiVersion: fileserver.dev/v1alpha1
kind: FileServerUser
metadata: {name: bob}
spec:
  serverRef: {name: partners}
  authorizedKeys: [%q]
---
apiVersion: fileserver.dev/v1alpha1
kind: FileServer
metadata: {name: legacy}
spec:
  protocols:
    ftp: {tls: Optional}
---
apiVersion: fileserver.dev/v1alpha1
kind: FileServerUser
metadata: {name: scanner}
spec:
  serverRef: {name: legacy}
`

func main() {
	down := flag.Bool("down", false, "remove the demo and all that belongs to it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *down {
		err = cluster.Down(ctx, name, os.Stdout)
	} else {
		err = run(ctx, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	start := time.Now()
	step := func(format string, args ...any) {
		fmt.Fprintf(out, "[%4.0fs] %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
	}
	step("starting a Kubernetes of one node")
	c, err := cluster.Up(ctx, name, 1, out)
	if err != nil {
		return err
	}
	if err := clients.Install(ctx, out); err != nil {
		return err
	}
	step("installing the operator with Helm")
	if err := operator.Install(ctx, c); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "fileserver-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	secure, legacy, err := serve(ctx, c, dir, step)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "file")
	if err := randomFile(file, megabytes<<20); err != nil {
		return err
	}
	step("moving %d MiB up and down with every client, from outside of the cluster", megabytes)
	failed := move(ctx, out, c, secure, legacy, file, dir)

	fmt.Fprintln(out)
	listing, err := c.Kubectl(ctx, "-n", name, "get", "fileservers,fileserverusers")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "$ kubectl -n %s get fileservers,fileserverusers\n%s\n\n", name, listing)
	lookAround(out, c, secure)
	if failed > 0 {
		return fmt.Errorf("%d transfers failed", failed)
	}
	step("every transfer is ok")
	return nil
}

// serve applies the manifests and returns how to reach the two servers.
func serve(ctx context.Context, c *cluster.Cluster, dir string, step func(string, ...any)) (secure, legacy clients.Target, err error) {
	keyFile, publicKey, err := operator.MakeKey(ctx, dir)
	if err != nil {
		return secure, legacy, err
	}
	step("applying two FileServers and their users")
	if err := operator.MakeNamespace(ctx, c, name); err != nil {
		return secure, legacy, err
	}
	if _, err := c.KubectlIn(ctx, fmt.Sprintf(manifests, publicKey), "-n", name, "apply", "-f", "-"); err != nil {
		return secure, legacy, err
	}
	applied := time.Now()
	for _, object := range []string{"fileserver/partners", "fileserver/legacy", "fileserveruser/alice", "fileserveruser/bob", "fileserveruser/scanner"} {
		if err := operator.WaitReady(ctx, c, name, object, 3*time.Minute); err != nil {
			return secure, legacy, err
		}
	}
	step("all are ready, %.1f s after they were applied", time.Since(applied).Seconds())
	if secure, err = operator.Target(ctx, c, name, "partners", "alice", "bob", keyFile, dir); err != nil {
		return secure, legacy, err
	}
	legacy, err = operator.Target(ctx, c, name, "legacy", "scanner", "", "", dir)
	legacy.PlainFTP = true
	return secure, legacy, err
}

// move runs all cases and prints a row for each transfer as it ends. It
// returns how many failed.
func move(ctx context.Context, out io.Writer, c *cluster.Cluster, secure, legacy clients.Target, file, dir string) (failed int) {
	const row = "%-9s %-9s %-13s %-14s %-5s %10s %7s  %-13s %s\n"
	fmt.Fprintf(out, "\n"+row, "PROTOCOL", "TLS", "MODE", "CLIENT", "DIR", "BYTES", "MB/s", "SHA-256", "RESULT")
	for _, test := range clients.Cases() {
		if missing := test.Missing(); missing != "" {
			failed++
			fmt.Fprintf(out, row, test.Protocol, test.TLS, test.Mode, test.Client, "", "", "", "", "FAILED: "+missing+" is not installed: make demo installs it where it can, see hack/cluster/README.md")
			continue
		}
		t := secure
		if test.Plain() {
			t = legacy
		}
		caseCtx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		for _, r := range test.Run(caseCtx, t, c.Client, file, dir) {
			result, digest := "ok", ""
			if r.SHA256 != "" {
				digest = r.SHA256[:12]
			}
			if r.Err != nil {
				failed++
				result = "FAILED: " + r.Err.Error()
			}
			fmt.Fprintf(out, row, test.Protocol, test.TLS, test.Mode, test.Client, r.Direction,
				fmt.Sprint(r.Bytes), fmt.Sprintf("%.1f", r.MBps()), digest, result)
		}
		cancel()
	}
	return failed
}

// lookAround says what can be done with what was left running.
func lookAround(out io.Writer, c *cluster.Cluster, t clients.Target) {
	fmt.Fprintf(out, "All of it is left running. To look around:\n\n  export KUBECONFIG=%s\n  export PATH=$PATH:%s\n\n",
		c.Kubeconfig, filepath.Dir(c.KubectlPath()))
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	defer w.Flush()
	for _, line := range [][2]string{
		{"kubectl -n " + name + " get fileserver partners -o yaml", "what was made of an empty spec"},
		{"kubectl explain fileserver.spec", "all that can be said"},
		{"kubectl -n " + name + " get secret alice-credentials -o yaml", "what an application binds to"},
		{"kubectl -n " + name + " logs -l app.kubernetes.io/instance=partners", "sessions and transfers"},
		{"bin/cluster exec --name " + name + " client -- sftp alice@" + t.Host, "a client outside of the cluster"},
		{"make demo-down", "remove all of it"},
	} {
		fmt.Fprintf(w, "  %s\t%s\n", line[0], line[1])
	}
	fmt.Fprintln(w)
}

func randomFile(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyN(f, rand.Reader, size)
	return err
}
