package main

import (
	"cmp"
	"flag"
	"log/slog"
	"os"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/fileserver-dev/fileserver-operator/controllers"
)

type flags struct {
	serverImage    string
	clusterDomain  string
	metricsAddress string
	healthAddress  string
	namespaces     string
	leaderElection bool
	version        bool
	workers        int
	qps            int
	logLevel       slog.Level
}

func (f *flags) register(set *flag.FlagSet) {
	set.StringVar(&f.serverImage, "server-image", cmp.Or(os.Getenv(serverImageEnv), serverImage, serverRepository+":"+version),
		"`image` of the file server, for each FileServer that names none; also $"+serverImageEnv)
	set.StringVar(&f.clusterDomain, "cluster-domain", "cluster.local",
		"`domain` that ends the names of Services; they are in the certificates")
	set.StringVar(&f.metricsAddress, "metrics-bind-address", ":8080",
		"`address` of the metrics, as host:port; 0 turns them off")
	set.StringVar(&f.healthAddress, "health-probe-bind-address", ":8081",
		"`address` of /healthz and /readyz, as host:port")
	set.StringVar(&f.namespaces, "namespaces", "",
		"`namespaces` to care for, with commas between them; default all")
	set.BoolVar(&f.leaderElection, "leader-elect", false,
		"take turns with other replicas, so that one acts at a time")
	set.IntVar(&f.workers, "workers", 4,
		"`number` of FileServers that are reconciled at once")
	set.IntVar(&f.qps, "kube-api-qps", 200,
		"`requests` to the API server each second, at most; twice as many in a burst")
	set.TextVar(&f.logLevel, "log-level", slog.LevelInfo,
		"`level` of what is logged: debug, info, warn or error")
	set.BoolVar(&f.version, "version", false, "print the version and exit")
}

func (f *flags) namespaceList() []string {
	return strings.FieldsFunc(f.namespaces, func(r rune) bool { return r == ',' || r == ' ' })
}

func (f *flags) cache() cache.Options { return controllers.CacheOptions(f.namespaceList()...) }
