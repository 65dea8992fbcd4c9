package main

import (
	"cmp"
	"flag"
	"log/slog"
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/util/flowcontrol"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/fileserver-dev/fileserver-operator/controllers"
)

type flags struct {
	serverImage    string
	pullSecrets    string
	clusterDomain  string
	metricsAddress string
	metricsSecure  bool
	metricsReaders string
	metricsCertDir string
	healthAddress  string
	namespaces     string
	watchNodes     bool
	nodePorts      bool
	leaderElection bool
	leaseName      string
	ask            string
	version        bool
	workers        int
	rollingServers int
	qps            int
	logLevel       slog.Level
}

func (f *flags) register(set *flag.FlagSet) {
	set.StringVar(&f.serverImage, "server-image", cmp.Or(os.Getenv(serverImageEnv), serverImage, serverRepository+":"+version),
		"`image` of the file server, for each FileServer that names none; also $"+serverImageEnv)
	set.StringVar(&f.pullSecrets, "server-pull-secrets", "",
		"`Secrets` in the namespace of each FileServer with which the file server's image is pulled, with commas between them, besides those of podTemplate")
	set.StringVar(&f.clusterDomain, "cluster-domain", "cluster.local",
		"`domain` that ends the names of Services; they are in the certificates")
	set.StringVar(&f.metricsAddress, "metrics-bind-address", ":8443",
		"`address` of the metrics, as host:port; 0 turns them off")
	set.BoolVar(&f.metricsSecure, "metrics-secure", true,
		"serve metrics over HTTPS, and only to accounts that may get /metrics; else over HTTP, to everybody")
	set.StringVar(&f.metricsCertDir, "metrics-cert-dir", "",
		"`folder` with tls.crt and tls.key for the metrics; default a certificate that is made at each start")
	set.StringVar(&f.metricsReaders, "metrics-namespaces", "",
		"`namespaces`, with commas between them, whose pods may read the metrics of file servers, besides the operator's own")
	set.StringVar(&f.healthAddress, "health-probe-bind-address", ":8081",
		"`address` of /healthz and /readyz, as host:port")
	set.StringVar(&f.namespaces, "namespaces", "",
		"`namespaces` to care for, with commas between them; default all")
	set.BoolVar(&f.watchNodes, "watch-nodes", true,
		"look at nodes: their addresses, and whether they are about to go; else it is known only what pods tell")
	set.BoolVar(&f.nodePorts, "allocate-node-ports", true,
		"give the Services of balancers node ports, where a FileServer does not say otherwise and the class is not known to need none")
	set.BoolVar(&f.leaderElection, "leader-elect", false,
		"take turns with other replicas, so that one acts at a time")
	set.StringVar(&f.leaseName, "leader-election-id", "fileserver-operator.fileserver.dev",
		"`name` of the Lease by which they do so: operators of one namespace that care for different ones need different names")
	set.StringVar(&f.ask, "ask", "",
		"instead of being the operator, ask for a `URL` until something answers, for a minute, and exit: what `helm test` does")
	set.IntVar(&f.workers, "workers", 4,
		"`number` of FileServers that are reconciled at once")
	set.IntVar(&f.rollingServers, "rolling-servers", controllers.DefaultRollingServers,
		"`number` of FileServers whose pods are replaced at once after an upgrade of the operator, at most")
	set.IntVar(&f.qps, "kube-api-qps", 200,
		"`requests` to the API server each second, at most; twice as many in a burst")
	set.TextVar(&f.logLevel, "log-level", slog.LevelInfo,
		"`level` of what is logged: debug, info, warn or error")
	set.BoolVar(&f.version, "version", false, "print the version and exit")
}

// rateLimiter is one for all clients that are made of a rest.Config. Without it, each
// client has one of its own: there is one for each kind of object.
func (f *flags) rateLimiter() flowcontrol.RateLimiter {
	return flowcontrol.NewTokenBucketRateLimiter(float32(f.qps), 2*f.qps)
}

func (f *flags) namespaceList() []string { return list(f.namespaces) }

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// ownNamespaceFile tells the namespace of a pod to the pod.
const ownNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// metricsNamespaces are those whose pods may read the metrics of file servers; none,
// which stands for all, where the operator does not run in a pod, and would be kept out
// itself.
func (f *flags) metricsNamespaces(file string) []string {
	own, err := os.ReadFile(file)
	if err != nil || len(own) == 0 {
		return nil
	}
	namespaces := append(list(f.metricsReaders), strings.TrimSpace(string(own)))
	slices.Sort(namespaces)
	return slices.Compact(namespaces)
}

// metrics says where metrics are served, and to whom.
func (f *flags) metrics() metricsserver.Options {
	o := metricsserver.Options{BindAddress: f.metricsAddress}
	if f.metricsSecure {
		o.SecureServing = true
		o.CertDir = f.metricsCertDir
		o.FilterProvider = newAccess
	}
	return o
}
