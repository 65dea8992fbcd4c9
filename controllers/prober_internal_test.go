package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// deadlineOfTalk is how long anything may take. It is long because the machine may be busy.
const deadlineOfTalk = 2 * time.Minute

// talk is a prober whose time is the test's, and pods that say what the test has them say.
type talk struct {
	*prober
	t     *testing.T
	clock *clocktesting.FakeClock

	mu    sync.Mutex
	says  map[types.UID]func() (config.Loaded, error)
	asked map[types.UID]int
}

func newTalk(t *testing.T) *talk {
	t.Helper()
	c := clocktesting.NewFakeClock(time.Now())
	k := &talk{t: t, clock: c, says: map[types.UID]func() (config.Loaded, error){}, asked: map[types.UID]int{}}
	k.prober = newProber(k, c, c)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- k.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return k
}

func (k *talk) Loaded(_ context.Context, pod *corev1.Pod) (config.Loaded, error) {
	k.mu.Lock()
	k.asked[pod.UID]++
	says := k.says[pod.UID]
	k.mu.Unlock()
	return says()
}

// say has a pod say that it has a configuration.
func (k *talk) say(pod *corev1.Pod, configuration string) {
	k.sayBy(pod, func() (config.Loaded, error) { return config.Loaded{Config: configuration}, nil })
}

// fail has a pod not answer.
func (k *talk) fail(pod *corev1.Pod) {
	port := 0
	k.sayBy(pod, func() (config.Loaded, error) {
		port++
		return config.Loaded{}, fmt.Errorf("from port %d: i/o timeout", port)
	})
}

func (k *talk) sayBy(pod *corev1.Pod, says func() (config.Loaded, error)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.says[pod.UID] = says
}

func (k *talk) times(pod *corev1.Pod) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked[pod.UID]
}

// until has time pass until something is so.
func (k *talk) until(what string, is func() bool) {
	k.t.Helper()
	k.untilBy(100*time.Millisecond, what, is)
}

func (k *talk) untilBy(step time.Duration, what string, is func() bool) {
	k.t.Helper()
	timeout, tick := time.After(deadlineOfTalk), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-timeout:
			k.t.Fatalf("it never comes that %s", what)
		case <-tick.C:
			k.clock.Step(step)
		}
	}
}

// woken waits until the server is woken.
func (k *talk) woken(why string) {
	k.t.Helper()
	k.until("the server is woken since "+why, func() bool { return len(k.wake) > 0 })
	for len(k.wake) > 0 {
		<-k.wake
	}
}

// quiet has so much time pass, in which no server must be woken. It takes few steps: on a
// busy machine each takes long.
func (k *talk) quiet(d time.Duration) {
	k.t.Helper()
	end := k.clock.Now().Add(d)
	k.untilBy(max(100*time.Millisecond, d/300), "time passes", func() bool { return k.clock.Now().After(end) })
	if len(k.wake) > 0 {
		k.t.Errorf("%v is woken for nothing", (<-k.wake).Object)
	}
}

func podOf(name string) *corev1.Pod {
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name, pod.UID = "partners", name, types.UID(name)
	pod.Labels = map[string]string{v1alpha1.LabelServer: "files"}
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "198.18.0.1", Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	return pod
}

// has asks whether a pod has a configuration.
func has(pod *corev1.Pod, configuration string) question {
	return question{
		server: types.NamespacedName{Namespace: "partners", Name: "files"}, pod: pod,
		should: should{id: configuration, config: configuration},
	}
}

func (k *talk) hears(q question) string {
	a, ok := k.answer(context.Background(), q)
	switch {
	case !ok:
		return "nothing"
	case a.err != nil:
		return a.err.Error()
	}
	return a.loaded.Config
}

func (k *talk) expect(q question, want string) {
	k.t.Helper()
	if got := k.hears(q); got != want {
		k.t.Errorf("of %s the answer is %q, want %q", q.should.id, got, want)
	}
}

func TestAPodIsAskedUntilItHasWhatItShouldAndNoLonger(t *testing.T) {
	t.Parallel()
	k, pod := newTalk(t), podOf("a")
	k.say(pod, "one")
	k.ask(has(pod, "two"))
	k.woken("the pod has said what it has")
	k.expect(has(pod, "two"), "one")
	k.quiet(time.Second)
	k.say(pod, "two")
	k.woken("it has what it should")
	k.expect(has(pod, "two"), "two")
	n := k.times(pod)
	k.quiet(10 * time.Minute)
	if again := k.times(pod) - n; again > 0 {
		t.Errorf("it is asked %d times again", again)
	}
	k.ask(has(pod, "one"))
	k.expect(has(pod, "one"), "nothing")
	k.quiet(time.Second) // it says what the server knows
	k.expect(has(pod, "one"), "two")
}

func TestWhatAPodSaidBeforeTheQuestionCountsOnlyIfItWasAskedNone(t *testing.T) {
	t.Parallel()
	k, pod := newTalk(t), podOf("a")
	k.say(pod, "one")
	k.meet(pod)
	k.until("the pod has answered", func() bool { return k.hears(has(pod, "one")) == "one" })
	k.quiet(time.Minute)

	asked, answers := make(chan struct{}), make(chan string)
	k.sayBy(pod, func() (config.Loaded, error) {
		asked <- struct{}{}
		return config.Loaded{Config: <-answers}, nil
	})
	k.ask(has(pod, "two"))
	k.until("the pod is asked", func() bool {
		select {
		case <-asked:
			return true
		default:
			return false
		}
	})
	k.ask(has(pod, "one")) // the change is taken back
	answers <- "one"
	<-asked
	k.expect(has(pod, "one"), "nothing")
	answers <- "one"
	k.woken("it has what it should again")
	k.expect(has(pod, "one"), "one")
}

func TestAPodThatDoesNotAnswerIsAskedEverLessOftenAndToldOfOnce(t *testing.T) {
	t.Parallel()
	k, pod := newTalk(t), podOf("a")
	k.fail(pod)
	k.ask(has(pod, "one"))
	k.woken("the pod does not answer")
	k.expect(has(pod, "one"), "from port 1: i/o timeout")
	k.quiet(10 * time.Minute)
	k.expect(has(pod, "one"), "from port 1: i/o timeout")
	if n := k.times(pod); n < 20 || n > 60 {
		t.Errorf("in ten minutes it is asked %d times, want some 40", n)
	}
	k.say(pod, "one")
	k.woken("it answers again")
	k.expect(has(pod, "one"), "one")
}

func TestNobodyWaitsForPodsThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	k := newTalk(t)
	const silent = 10 * askersOfSilent
	for i := range silent {
		pod := podOf(fmt.Sprint("silent-", i))
		k.fail(pod)
		k.ask(has(pod, "one"))
	}
	heard := 0
	k.until("none has answered", func() bool {
		for ; len(k.wake) > 0; heard++ {
			<-k.wake
		}
		return heard == silent
	})
	never := make(chan struct{})
	defer close(never)
	for i := range silent {
		k.sayBy(podOf(fmt.Sprint("silent-", i)), func() (config.Loaded, error) {
			<-never
			return config.Loaded{}, errors.New("i/o timeout")
		})
	}
	for i := range 10 {
		pod := podOf(fmt.Sprint("answers-", i))
		k.say(pod, "one")
		k.ask(has(pod, "one"))
		k.woken("it has what it should")
	}
}

func TestAServerIsRemindedOfAPodThatStillLacksSomething(t *testing.T) {
	t.Parallel()
	k, pod := newTalk(t), podOf("a")
	k.say(pod, "one")
	q := has(pod, "two")
	k.ask(q)
	k.woken("the pod has said what it has")
	k.quiet(time.Second)
	q.remind = k.clock.Now().Add(4 * time.Second)
	k.ask(q)
	k.quiet(3 * time.Second)
	k.woken("the time has come")
	if now := k.clock.Now(); now.Before(q.remind) {
		t.Errorf("that is %s early", q.remind.Sub(now))
	}
	k.quiet(time.Minute)
	q.remind = k.clock.Now().Add(10 * time.Second)
	k.ask(q)
	k.say(pod, "two")
	k.woken("it has what it should")
	k.quiet(time.Minute)
}

// Such as of one that has what it should, and may still load what it was told of before.
func TestAServerIsRemindedInTimeOfAPodThatIsAskedOnceAMinute(t *testing.T) {
	t.Parallel()
	k, pod := newTalk(t), podOf("a")
	k.sayBy(pod, func() (config.Loaded, error) {
		return config.Loaded{Config: "one", Denied: []config.Denied{{User: "alice"}}}, nil
	})
	q := has(pod, "one")
	k.ask(q)
	k.woken("the pod has what it should")
	k.quiet(time.Second)
	q.remind = k.clock.Now().Add(2 * time.Second)
	k.ask(q)
	k.woken("the time has come")
	if late := k.clock.Since(q.remind); late < 0 || late > 5*time.Second {
		t.Errorf("that is %s late", late)
	}
}

func TestAPodThatMayNotUseAFolderIsAskedAgainEachMinute(t *testing.T) {
	t.Parallel()
	k, pod := newTalk(t), podOf("a")
	denied := func(user string) func() (config.Loaded, error) {
		return func() (config.Loaded, error) {
			return config.Loaded{Config: "one", Denied: []config.Denied{{User: user}}, Sessions: k.times(pod)}, nil
		}
	}
	k.sayBy(pod, denied("alice"))
	k.ask(has(pod, "one"))
	k.woken("the pod has what it should")
	n := k.times(pod)
	k.quiet(5 * time.Minute)
	if again := k.times(pod) - n; again < 4 || again > 6 {
		t.Errorf("in five minutes it is asked %d times", again)
	}
	k.sayBy(pod, denied("bob"))
	k.woken("it is another folder")
}

func TestPodsThatAreGoneAreForgotten(t *testing.T) {
	t.Parallel()
	k, stays, goes := newTalk(t), podOf("stays"), podOf("goes")
	for _, pod := range []*corev1.Pod{stays, goes} {
		k.fail(pod)
		k.ask(has(pod, "one"))
	}
	k.woken("they do not answer")
	server := has(stays, "one").server
	k.keep(server, map[types.UID]podMemory{stays.UID: {}})
	n := k.times(goes)
	m := k.times(stays)
	k.until("the other one is asked on", func() bool { return k.times(stays) > m+3 })
	if again := k.times(goes) - n; again > 1 { // one may have been under way
		t.Errorf("it is asked %d times again", again)
	}
	k.keep(server, nil)
	k.prober.mu.Lock()
	if len(k.probes) > 0 {
		t.Errorf("there are still %v", k.probes)
	}
	k.prober.mu.Unlock()
}
