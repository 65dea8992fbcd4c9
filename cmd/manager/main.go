// Command manager is the operator.
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers"
)

// Set at build time with -ldflags "-X main.version=... -X main.serverImage=...".
// The server's image is by default the one of the same release.
var (
	version     = "dev"
	serverImage = ""
)

const serverRepository = "fileserver.dev/fileserver"

// The variable by which a deployment names the server's image.
const serverImageEnv = "SERVER_IMAGE"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

func run() error {
	var (
		f   flags
		set = flag.NewFlagSet("manager", flag.ExitOnError)
	)
	f.register(set)
	if err := set.Parse(os.Args[1:]); err != nil {
		return err
	}
	if f.version {
		fmt.Println(version)
		return nil
	}
	if f.ask != "" {
		return ask(f.ask, askTime)
	}
	if err := limitMemory(os.Getenv(memoryLimitEnv), os.Getenv("GOMEMLIMIT")); err != nil {
		return err
	}
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: f.logLevel})
	ctrl.SetLogger(logr.FromSlogHandler(handler))
	klog.SetSlogLogger(slog.New(handler))

	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))

	cfg, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	cfg.RateLimiter = f.rateLimiter()
	cfg.UserAgent = "fileserver-operator/" + version

	ctx := ctrl.SetupSignalHandler()
	namespaces, away, err := watched(ctx, cfg, scheme, f.namespaceList())
	if err != nil {
		return err
	}
	mgr, err := manager.New(cfg, manager.Options{
		Scheme:                        scheme,
		Cache:                         controllers.CacheOptions(namespaces...),
		Metrics:                       f.metrics(),
		HealthProbeBindAddress:        f.healthAddress,
		LeaderElection:                f.leaderElection,
		LeaderElectionID:              f.leaseName,
		LeaderElectionReleaseOnCancel: true, // the process ends right after
	})
	if err != nil {
		return fmt.Errorf("making the manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	if len(away) > 0 {
		ctrl.Log.WithName("setup").Info("Namespaces are left out: they do not exist, or the operator has no rights there", "namespaces", away)
		if err := mgr.Add(awaitNamespaces(mgr.GetAPIReader(), away, lookForNamespaces)); err != nil {
			return fmt.Errorf("adding the look for namespaces: %w", err)
		}
	}
	if err := controllers.Add(ctx, mgr, controllers.Options{
		Image:             f.serverImage,
		PullSecrets:       list(f.pullSecrets),
		ClusterDomain:     f.clusterDomain,
		Workers:           f.workers,
		Namespaces:        namespaces,
		RollingServers:    f.rollingServers,
		MetricsNamespaces: f.metricsNamespaces(ownNamespaceFile),
		NoNodePorts:       !f.nodePorts,
		WithoutNodes:      !f.watchNodes,
	}); err != nil {
		return err
	}
	if err := metrics.Registry.Register(controllers.StatusCollector{Cached: mgr.GetClient()}); err != nil {
		return fmt.Errorf("registering the metrics of FileServers: %w", err)
	}
	ctrl.Log.WithName("setup").Info("Starting", "version", version, "serverImage", f.serverImage)
	return mgr.Start(ctx)
}
