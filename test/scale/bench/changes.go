package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/test/scale"
)

// change suspends users, one after the other, and then takes that back of all at once.
func (b *bench) change(ctx context.Context) error {
	chosen := b.sample(b.changes)
	before, err := b.usage()
	if err != nil {
		return err
	}
	single, err := b.set(ctx, chosen, v1alpha1.UserSuspended, 1)
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
	b.reportChanges(done.told, after.since(before), single, len(chosen))
	burst, err := b.set(ctx, chosen, v1alpha1.UserActive, len(chosen))
	if err != nil {
		return err
	}
	b.report.addTime("burst_applied_p99", percentile(burst.applied, 99))
	_, err = b.operator.quiet(ctx, 0)
	return err
}

func (b *bench) reportChanges(done told, used usage, l latencies, changes int) {
	reads := 0
	for name, n := range done.Requests {
		if strings.HasPrefix(name, "get ") || strings.HasPrefix(name, "list ") {
			reads += n
		}
	}
	r, each := &b.report, float64(changes)
	fmt.Print("requests for each change:\n" + done.Requests.Table(changes))
	r.add("change_writes", float64(done.Requests.All()-reads)/each)
	r.add("change_reads", float64(reads)/each)
	r.add("change_passes", float64(done.Passes)/each)
	r.addTime("change_cpu", used.operator/time.Duration(changes))
	r.addTime("change_applied_p50", percentile(l.applied, 50))
	r.addTime("change_applied_p99", percentile(l.applied, 99))
	r.addTime("change_told_p50", percentile(l.told, 50))
}

// silence has the pods of three quarters of the servers not answer any more. Then users
// of the others change, while an operator that has just started looks at all of them.
func (b *bench) silence(ctx context.Context) (err error) {
	const few = 10 // each may wait for all that do not answer
	chosen := b.sample(max(1, len(b.servers)/4))
	var answering []string
	for _, fs := range chosen {
		addresses, err := b.podsOf(ctx, fs)
		if err != nil {
			return err
		}
		answering = append(answering, addresses...)
	}
	b.pods.SilenceAllBut(answering)
	if b.operator, err = b.start(ctx, "silence", never); err != nil {
		return err
	}
	if err := b.operator.busy(ctx, len(b.servers)); err != nil {
		return err
	}
	l, err := b.set(ctx, chosen[:min(few, len(chosen))], v1alpha1.UserSuspended, 1)
	if err != nil {
		return err
	}
	b.report.addTime("silent_applied_p50", percentile(l.applied, 50))
	b.report.addTime("silent_applied_max", percentile(l.applied, 100))
	return b.operator.stop()
}

// podsOf are the addresses of the pods of a server.
func (b *bench) podsOf(ctx context.Context, fs *v1alpha1.FileServer) (addresses []string, err error) {
	var pods corev1.PodList
	err = b.env.Cached.List(ctx, &pods, client.InNamespace(fs.Namespace), client.MatchingLabels{v1alpha1.LabelServer: fs.Name})
	for _, pod := range pods.Items {
		addresses = append(addresses, pod.Status.PodIP)
	}
	return addresses, err
}

// sample chooses servers from all over the list.
func (b *bench) sample(n int) []*v1alpha1.FileServer {
	n = min(n, len(b.servers))
	var chosen []*v1alpha1.FileServer
	for i := range n {
		chosen = append(chosen, b.servers[i*len(b.servers)/n])
	}
	return chosen
}

// set changes a user of each server, so many at once, and returns how long that took to
// arrive.
func (b *bench) set(ctx context.Context, servers []*v1alpha1.FileServer, state v1alpha1.UserState, atOnce int) (l latencies, err error) {
	waiters, begins := make([]*waiter, len(servers)), make([]time.Time, len(servers))
	group, changing := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, fs := range servers {
		group.Go(func() error {
			u := scale.Users(fs)[0]
			waiters[i], begins[i] = b.watch.await(client.ObjectKeyFromObject(fs), u.Name, state), time.Now()
			patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"state":%q}}`, state))
			if err := b.env.Client.Patch(changing, u, patch); err != nil {
				return err
			}
			select {
			case <-waiters[i].done:
				return nil
			case <-changing.Done():
				return changing.Err()
			case <-time.After(deadlineOfChange):
				return fmt.Errorf("the change of %s has not arrived after %s", u.Name, deadlineOfChange)
			}
		})
	}
	if err := group.Wait(); err != nil {
		return l, err
	}
	for i, w := range waiters {
		l.applied = append(l.applied, w.applied.Sub(begins[i]))
		l.told = append(l.told, w.told.Sub(begins[i]))
	}
	slices.Sort(l.applied)
	slices.Sort(l.told)
	return l, nil
}
