package controllers

import (
	"context"
	"reflect"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// How soon a pod is asked again.
const (
	askSoon  = 200 * time.Millisecond
	askLater = 5 * time.Second
	// patience is after how many answers a pod is asked less often.
	patience = 25
	// One that does not answer is asked again after askSoon, each time after twice as
	// long, and after askSilent at most.
	askSilent = 15 * time.Second
	// One that may not use a folder or the bucket, or delivers events, is asked again: what
	// somebody changes there, or at the receiver, tells nobody.
	askDenied = time.Minute
)

// How many pods are asked at once. Those that did not answer the last time have a lane of
// their own: each may take a second, and nobody else's answer waits for that.
const (
	askersOfAnswering = 64
	askersOfSilent    = 64
)

// prober asks pods what they have loaded, beside the workers, and remembers what they
// said. A pass reads that, and waits for no pod.
type prober struct {
	pods  LoadedReader
	clock clock.PassiveClock
	// wake gets the servers whose pods say something new.
	wake chan event.TypedGenericEvent[types.NamespacedName]

	answering, silent workqueue.TypedDelayingInterface[probeKey]

	mu     sync.Mutex
	probes map[types.NamespacedName]map[types.UID]*probe
}

type probeKey struct {
	server types.NamespacedName
	pod    types.UID
}

// probe is what is known of a pod.
type probe struct {
	question
	open  bool      // it is asked
	state string    // of the pod when it was asked to be asked
	due   time.Time // when it is asked next
	tries int       // in a row with the same outcome

	last     answer
	asked    bool // last is an answer
	valid    bool // to the question as it is now
	told     bool // the server knows of last, but for its time
	complete bool // the server knows that the pod has what it should
}

func newProber(pods LoadedReader, passive clock.PassiveClock, delays clock.WithTicker) *prober {
	lane := func() workqueue.TypedDelayingInterface[probeKey] {
		return workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[probeKey]{Clock: delays})
	}
	return &prober{
		pods: pods, clock: passive,
		wake:      make(chan event.TypedGenericEvent[types.NamespacedName], 1024),
		answering: lane(), silent: lane(),
		probes: map[types.NamespacedName]map[types.UID]*probe{},
	}
}

// run asks until ctx is done.
func (p *prober) run(ctx context.Context) error {
	var group sync.WaitGroup
	for lane, askers := range map[workqueue.TypedDelayingInterface[probeKey]]int{p.answering: askersOfAnswering, p.silent: askersOfSilent} {
		for range askers {
			group.Go(func() {
				for {
					key, ended := lane.Get()
					if ended {
						return
					}
					p.probe(ctx, key)
					lane.Done(key)
				}
			})
		}
	}
	<-ctx.Done()
	p.answering.ShutDown()
	p.silent.ShutDown()
	group.Wait()
	return nil
}

// probe asks a pod, if it is due.
func (p *prober) probe(ctx context.Context, key probeKey) {
	p.mu.Lock()
	one := p.probes[key.server][key.pod]
	now := p.clock.Now()
	if one == nil || !one.open || now.Before(one.due) {
		if one != nil && one.open { // it was put off
			p.laneOf(one).AddAfter(key, one.due.Sub(now))
		}
		p.mu.Unlock()
		return
	}
	q := one.question
	p.mu.Unlock()
	loaded, err := p.pods.Loaded(ctx, q.pod)
	loaded.Sessions, loaded.Transfers = 0, 0 // which are others each time
	p.mu.Lock()
	news := false
	if one.open {
		if q.should.id == "" || q.should.id == one.should.id {
			news = one.hear(answer{loaded, err, now})
		}
		p.schedule(key, one)
	}
	p.mu.Unlock()
	if news {
		select {
		case p.wake <- event.TypedGenericEvent[types.NamespacedName]{Object: key.server}:
		case <-ctx.Done():
		}
	}
}

// hear takes down an answer, and says whether it is news for the server. A pod that
// was only met has no news: its server is looked at anyway.
func (o *probe) hear(a answer) (news bool) {
	same := o.asked && (a.err != nil) == (o.last.err != nil) && (a.err != nil || reflect.DeepEqual(a.loaded, o.last.loaded))
	if o.tries++; !same {
		o.tries, o.told = 0, false
	}
	if same && a.err != nil {
		a.err = o.last.err // it may differ in a port
	}
	complete := a.err == nil && o.should.met(a.loaded)
	remind := !o.remind.IsZero() && a.err == nil && !a.at.Before(o.remind)
	news = o.should.id != "" && (!o.told || complete && !o.complete || remind)
	o.last, o.asked, o.valid = a, true, true
	if news {
		o.told, o.complete = true, complete
		if remind || complete {
			o.remind = time.Time{}
		}
	}
	return news
}

// next is how soon a pod is asked again; false: it need not be.
func (o *probe) next() (time.Duration, bool) {
	l := &o.last.loaded
	switch {
	case !o.valid:
		return 0, true
	case o.last.err != nil:
		return min(askSoon<<min(o.tries, 10), askSilent), true
	case !o.should.met(*l) || l.Looking || !o.remind.IsZero():
		if o.tries > patience {
			return askLater, true
		}
		return askSoon, true
	case mayChangeByItself(*l):
		return askDenied, true
	}
	return 0, false
}

// schedule has a pod asked when it is due.
func (p *prober) schedule(key probeKey, o *probe) {
	after, more := o.next()
	if o.open = more; more {
		p.after(key, o, after)
	} else {
		o.pod = nil // of no more use
	}
}

func (p *prober) after(key probeKey, o *probe, after time.Duration) {
	o.due = p.clock.Now().Add(after)
	p.laneOf(o).AddAfter(key, after)
}

func (p *prober) laneOf(o *probe) workqueue.TypedDelayingInterface[probeKey] {
	if o.asked && o.last.err != nil {
		return p.silent
	}
	return p.answering
}

// answer implements asker.
func (p *prober) answer(_ context.Context, q question) (answer, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.probes[q.server][q.pod.UID]
	if one == nil || !one.valid || one.should.id != "" && one.should.id != q.should.id {
		return answer{}, false
	}
	one.told, one.complete = true, one.last.err == nil && q.should.met(one.last.loaded)
	return one.last, true
}

// ask implements asker.
func (p *prober) ask(q question) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := probeKey{q.server, q.pod.UID}
	one := p.find(key)
	other := one.should.id != q.should.id
	if other {
		one.complete = false
		one.valid = one.valid && one.should.id == ""
		one.tries = 0
	}
	state := stateOf(q.pod)
	begins := !one.open || one.state != state
	one.question, one.open, one.state = q, true, state
	switch {
	case begins && (!one.asked || one.last.err != nil):
		one.tries = 0
		p.after(key, one, 0)
	case begins || other:
		p.after(key, one, askSoon) // it was just told of the files
	case !q.remind.IsZero() && q.remind.Before(one.due):
		p.after(key, one, max(askSoon, q.remind.Sub(p.clock.Now())))
	}
}

// meet implements asker.
func (p *prober) meet(pod *corev1.Pod) {
	server := pod.Labels[v1alpha1.LabelServer]
	if server == "" || pod.Status.Phase != corev1.PodRunning || pod.Status.PodIP == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := probeKey{types.NamespacedName{Namespace: pod.Namespace, Name: server}, pod.UID}
	if p.probes[key.server][key.pod] != nil {
		return
	}
	one := p.find(key)
	one.question, one.open, one.state = question{server: key.server, pod: pod}, true, stateOf(pod)
	p.after(key, one, 0)
}

func (p *prober) find(key probeKey) *probe {
	of := p.probes[key.server]
	if of == nil {
		of = map[types.UID]*probe{}
		p.probes[key.server] = of
	}
	if of[key.pod] == nil {
		of[key.pod] = &probe{}
	}
	return of[key.pod]
}

// stateOf is what of a pod decides whether it may answer.
func stateOf(pod *corev1.Pod) string {
	if podReady(pod) {
		return pod.Status.PodIP + " ready"
	}
	return pod.Status.PodIP
}

// keep implements asker.
func (p *prober) keep(server types.NamespacedName, pods map[types.UID]podMemory) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for uid, one := range p.probes[server] {
		if _, ok := pods[uid]; !ok {
			one.open = false
			delete(p.probes[server], uid)
		}
	}
	if len(p.probes[server]) == 0 {
		delete(p.probes, server)
	}
}

var _ asker = (*prober)(nil)
