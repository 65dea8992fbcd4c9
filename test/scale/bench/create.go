package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fileserver-dev/fileserver-operator/test/scale"
)

// create makes all servers at once, and waits until they and their users are ready.
func (b *bench) create(ctx context.Context) (err error) {
	for i := range b.namespaces {
		if err := scale.MakeNamespace(ctx, b.env.Client, namespace(i)); err != nil {
			return err
		}
	}
	if b.operator, err = b.start(ctx, "create", never); err != nil {
		return err
	}
	for i := range b.options.servers {
		fs := scale.Server(namespace(i%b.namespaces), fmt.Sprintf("files-%05d", i))
		fs.Spec.Metrics.Port = b.pods.Port
		b.servers = append(b.servers, fs)
	}
	empty, err := b.operator.heap(ctx)
	if err != nil {
		return err
	}
	before, err := b.usage()
	if err != nil {
		return err
	}
	begin := time.Now()
	group, creating := errgroup.WithContext(ctx)
	group.SetLimit(32)
	for _, fs := range b.servers {
		group.Go(func() error { return scale.Create(creating, b.env.Client, fs) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	settled, err := b.watch.allSettled(ctx, len(b.servers))
	if err != nil {
		return err
	}
	after, err := b.usage()
	if err != nil {
		return err
	}
	done, err := b.operator.quiet(ctx, 0)
	if err != nil {
		return err
	}
	full, err := b.operator.heap(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(settled, time.Time.Compare)
	b.reportCreation(done.told, after.since(before), full-empty, settled[len(settled)-1].Sub(begin), settled[len(settled)/2].Sub(begin))
	return nil
}

func namespace(i int) string { return fmt.Sprintf("partners-%03d", i) }

func (b *bench) reportCreation(done told, used usage, heap int64, whole, half time.Duration) {
	r, servers := &b.report, float64(len(b.servers))
	fmt.Print("requests for each:\n" + done.Requests.Table(len(b.servers)))
	r.add("create_requests", float64(done.Requests.All())/servers)
	r.add("create_passes", float64(done.Passes)/servers)
	r.add("create_heap", float64(heap)/1024/servers)
	r.add("create_memory", float64(used.peak)/(1<<20))
	r.addTime("create_cpu", used.operator/time.Duration(len(b.servers)))
	r.add("create_share", 100*used.operator.Seconds()/(used.operator+used.api+used.etcd).Seconds())
	r.add("create_time", whole.Seconds())
	r.add("create_half", 100*half.Seconds()/whole.Seconds())
}
