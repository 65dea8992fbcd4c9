package conditions

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// readiness is whether an object is ready.
type readiness struct {
	ready   bool
	reason  string
	message string
	// asWanted is true if an object that is not ready is as its spec wants it:
	// nothing is under way.
	asWanted bool
}

func yes(reason, message string) (readiness, bool) {
	return readiness{ready: true, reason: reason, message: message}, true
}

func no(reason, message string) (readiness, bool) {
	return readiness{reason: reason, message: message}, true
}

func pass() (readiness, bool) { return readiness{}, false }

// write writes the three conditions that kstatus reads.
func (r readiness) write(conditions *[]metav1.Condition, generation int64, problems []*Problem, progress string) {
	ready := condition(v1alpha1.ConditionReady, r.ready, r.reason, r.message)
	reconciling := condition(v1alpha1.ConditionReconciling, false, v1alpha1.ReasonReady, "Nothing is under way.")
	stalled := condition(v1alpha1.ConditionStalled, false, v1alpha1.ReasonReady, "Nothing is in the way.")
	waits, stays := sorted(problems)
	switch {
	case len(stays) > 0:
		// kstatus takes either condition for the whole truth; what needs
		// somebody's hand comes first.
		stalled = condition(v1alpha1.ConditionStalled, true, stays[0].Reason, sentences(stays, waits))
		reconciling = condition(v1alpha1.ConditionReconciling, false, stays[0].Reason, "Waiting does not help: see the condition Stalled.")
	case len(waits) > 0:
		reconciling = condition(v1alpha1.ConditionReconciling, true, waits[0].Reason, sentences(waits))
	case progress != "":
		reconciling = condition(v1alpha1.ConditionReconciling, true, v1alpha1.ReasonProgressing, progress)
	case !r.ready && !r.asWanted:
		reconciling = condition(v1alpha1.ConditionReconciling, true, r.reason, r.message)
	}
	for _, c := range []metav1.Condition{ready, reconciling, stalled} {
		c.ObservedGeneration = generation
		meta.SetStatusCondition(conditions, c)
	}
}

func condition(kind string, yes bool, reason, message string) metav1.Condition {
	c := metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: cut(message, maxMessage)}
	if yes {
		c.Status = metav1.ConditionTrue
	}
	return c
}

func sorted(problems []*Problem) (waits, stays []*Problem) {
	for _, p := range problems {
		if p.Stalled {
			stays = append(stays, p)
		} else {
			waits = append(waits, p)
		}
	}
	return waits, stays
}

// sentences has the message of each problem once.
func sentences(lists ...[]*Problem) string {
	var all []string
	seen := map[string]bool{}
	for _, list := range lists {
		for _, p := range list {
			if !seen[p.Message] {
				seen[p.Message] = true
				all = append(all, p.Message)
			}
		}
	}
	return strings.Join(all, " ")
}
