package faults_test

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// under has the operator go by a clock.
func (w *world) under(c clock.PassiveClock) { w.operator.Clock = c }

// stays sees to it that a condition does not change while the operator looks, again
// and again, as it would for ten minutes.
func (w *world) stays(c *clocktesting.FakePassiveClock, name, kind string, status metav1.ConditionStatus, reason string) {
	w.t.Helper()
	first := meta.FindStatusCondition(w.said()[name], kind).DeepCopy()
	for range 60 {
		c.SetTime(c.Now().Add(10 * time.Second))
		w.must(w.reconcile())
		if got := meta.FindStatusCondition(w.said()[name], kind); got.Status != status || got.Reason != reason || got.Message != first.Message {
			w.t.Fatalf("%s of %s became %+v, want %+v", kind, name, got, first)
		}
	}
}

// Somebody else's policy denies all traffic in the namespace: clients may come some
// other way, and the operator does not.
func TestPodsThatTheOperatorCannotReachAreSaidAfterAWhileAndForAsLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := clocktesting.NewFakePassiveClock(time.Now())
	w.under(c)
	w.converge(map[string]string{"files": v1alpha1.ReasonReady})
	denied := func(config.Loaded) (config.Loaded, error) { return config.Loaded{}, errors.New("i/o timeout") }
	w.answer = denied
	w.change(func(spec *v1alpha1.FileServerSpec) { spec.Sessions.Max = 7 })

	w.expect("files", v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonProgressing, "port 9090")
	c.SetTime(c.Now().Add(time.Minute))
	w.expect("files", v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonProgressing)
	c.SetTime(c.Now().Add(time.Minute))
	w.expect("files", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonPodsUnreachable, `The pod "files-0-pod" serves`, "port 9090", "NetworkPolicies", "admit the operator's pods")
	w.expect("files", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	w.expect("bob", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonPodsUnreachable, "i/o timeout")
	w.stays(c, "files", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonPodsUnreachable)

	// An operator that starts anew knows of nothing but the status.
	again := worldOf(t, w.objects()...)
	again.under(c)
	again.answer = denied
	again.stays(c, "files", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonPodsUnreachable)
	again.answer = nil
	again.converge(map[string]string{"files": v1alpha1.ReasonReady})
}

// A pod that takes long to start does not answer either, and is not waited for in vain.
func TestAPodThatIsNotReadyIsNotSaidToBeUnreachable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := clocktesting.NewFakePassiveClock(time.Now())
	w.under(c)
	w.answer = func(config.Loaded) (config.Loaded, error) { return config.Loaded{}, errors.New("connection refused") }
	ready := func(status corev1.ConditionStatus) {
		pod := &corev1.Pod{}
		if w.get(pod, "files-0-pod") {
			pod.Status.Conditions[0].Status = status
			w.must(w.client.Status().Update(t.Context(), pod))
		}
	}
	unreachable := func() bool {
		s := meta.FindStatusCondition(w.said()["files"], v1alpha1.ConditionStalled)
		return s != nil && s.Reason == v1alpha1.ReasonPodsUnreachable
	}
	for range 60 {
		c.SetTime(c.Now().Add(10 * time.Second))
		_ = w.reconcile()
		ready(corev1.ConditionFalse)
		if unreachable() {
			t.Fatal("it is not even ready")
		}
	}
	ready(corev1.ConditionTrue)
	_ = w.reconcile()
	if unreachable() {
		t.Error("it has just become ready")
	}
	w.answer = nil
	w.converge(map[string]string{"files": v1alpha1.ReasonReady})
}
