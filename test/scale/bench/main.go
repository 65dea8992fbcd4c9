// Command bench measures the operator with many FileServers, in a real API server with
// a simulated cluster around it. What a figure may be at most is in ranges.yaml, and
// what it means in docs/scale.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/test/cluster"
	"github.com/fileserver-dev/fileserver-operator/test/scale"
)

// options of a run.
type options struct {
	servers    int
	namespaces int
	changes    int
	profile    string
}

func main() {
	var o options
	var asOperator operatorOptions
	flag.IntVar(&o.servers, "servers", 100, "`number` of FileServers, of two users each")
	flag.IntVar(&o.namespaces, "namespaces", 50, "`number` of namespaces over which they are spread")
	flag.IntVar(&o.changes, "changes", 100, "`number` of changes, of as many FileServers, whose way is timed")
	flag.StringVar(&o.profile, "profile", "", "`folder` for profiles of the operator")
	flag.StringVar(&asOperator.kubeconfig, "operator", "", "be the operator, of the cluster in this `kubeconfig`")
	flag.DurationVar(&asOperator.resync, "resync", never, "how often that operator looks at everything again")
	flag.StringVar(&asOperator.profile, "operator-profile", "", "`file` for that operator's profile")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	var err error
	if asOperator.kubeconfig != "" {
		ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
		err = operate(ctx, asOperator)
	} else {
		ctrl.SetLogger(logr.Discard()) // conflicts of the simulated cluster, which tries again
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is a run.
type bench struct {
	options
	env      *scale.Environment
	pods     *scale.Pods
	watch    *watch
	servers  []*v1alpha1.FileServer
	operator *operator
	report   report
}

func run(ctx context.Context, o options) error {
	figures, err := readFigures()
	if err != nil {
		return err
	}
	b := &bench{options: o, report: report{figures: figures}}
	if b.env, err = scale.Start(filepath.Join(cluster.Root(), "config", "crd", "bases")); err != nil {
		return err
	}
	defer func() { _ = b.env.Stop() }()
	if b.pods, err = b.env.Cluster.Serve(); err != nil {
		return err
	}
	defer b.pods.Close()
	if b.watch, err = observe(ctx, b.env.Cached); err != nil {
		return err
	}
	fmt.Printf("%d FileServers of two users each\n", o.servers)
	for _, phase := range []func(context.Context) error{b.create, b.change, b.restart, b.silence} {
		if err := phase(ctx); err != nil {
			if b.operator != nil {
				err = fmt.Errorf("%w\n%s", err, b.operator.logged())
			}
			return err
		}
	}
	return b.report.verdict()
}

// restart has another operator see to all that was made, and look at it once more.
func (b *bench) restart(ctx context.Context) (err error) {
	if err := b.operator.stop(); err != nil {
		return err
	}
	servers := len(b.servers)
	resync := max(30*time.Second, time.Duration(servers)*30*time.Millisecond)
	if b.operator, err = b.start(ctx, "restart", resync); err != nil {
		return err
	}
	restart, err := b.operator.quiet(ctx, servers)
	if err != nil {
		return err
	}
	b.report.add("restart_requests", float64(restart.Requests.All()))
	b.report.addTime("restart_cpu", restart.cpu/time.Duration(servers))
	again, err := b.operator.quiet(ctx, servers)
	if err != nil {
		return err
	}
	b.report.add("resync_requests", float64(again.Requests.All()))
	b.report.addTime("resync_cpu", again.cpu/time.Duration(again.Passes))
	return b.operator.stop()
}
