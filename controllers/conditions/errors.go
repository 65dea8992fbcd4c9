package conditions

import (
	"errors"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

var (
	// ErrNameTaken is an object of somebody else's.
	ErrNameTaken = errors.New("it exists and belongs to somebody else")
	// ErrLeftover is an object of a deleted owner of the same name; the garbage
	// collector is about to remove it.
	ErrLeftover = errors.New("one of a deleted owner of the same name is still there")
)

const (
	retryConflict = 100 * time.Millisecond // the cache will know in a moment
	retryLeftover = time.Second
	retryRefused  = time.Minute
	retryPorts    = 30 * time.Second // nothing tells that one was freed
	retryFirst    = 250 * time.Millisecond
	retryLast     = time.Minute
	// quietConflicts is how many passes in a row may end in a conflict before
	// the status says so. One or two heal before anybody could read of them.
	quietConflicts = 5
)

// Failure is an error, and how many passes have failed in a row before.
type Failure struct {
	Err    error
	Before int
}

// Verdict is what follows from an error.
type Verdict struct {
	Problem *Problem      // nil: nothing that a status should say
	Retry   time.Duration // how soon to try again; 0: what ends the problem is watched
}

// Transient says whether the error may be over by the next try.
func (v Verdict) Transient() bool {
	return v.Retry > 0 && (v.Problem == nil || v.Problem.Reason == v1alpha1.ReasonRetrying)
}

// Of says what follows from each of the errors in one: those that errors.Join
// has joined are looked at one by one.
func Of(err error, before int) []Verdict {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []Verdict
		for _, e := range joined.Unwrap() {
			all = append(all, Of(e, before)...)
		}
		return all
	}
	return []Verdict{whatFollows.decide(Failure{err, before})}
}

var whatFollows = chain[Failure, Verdict]{
	itIsAProblemAlready,
	theNameIsTaken,
	somethingIsLeftOver,
	theObjectHasChangedMeanwhile,
	nodePortsHaveRunOut,
	theClusterRefuses,
	anotherTryMayHelp,
}

func itIsAProblemAlready(f Failure) (Verdict, bool) {
	p, ok := errors.AsType[*Problem](f.Err)
	return Verdict{Problem: p}, ok
}

func theNameIsTaken(f Failure) (Verdict, bool) {
	return Verdict{
		Stalled(v1alpha1.ReasonNameTaken, "%s: rename or delete that object, or give this one another name.", Cut(f.Err.Error())), retryRefused,
	}, errors.Is(f.Err, ErrNameTaken)
}

func somethingIsLeftOver(f Failure) (Verdict, bool) {
	return Verdict{
		Waiting(v1alpha1.ReasonLeftover, "%s: it is replaced when the garbage collector has removed it; if it stays, look at its finalizers.", Cut(f.Err.Error())), retryLeftover,
	}, errors.Is(f.Err, ErrLeftover)
}

func theObjectHasChangedMeanwhile(f Failure) (Verdict, bool) {
	return Verdict{Retry: retryConflict}, apierrors.IsConflict(f.Err) && f.Before < quietConflicts
}

// The API server has no reason of its own for ports that ran out: it answers
// 500, and says so in the message (k8s.io/kubernetes,
// pkg/registry/core/service/storage/alloc.go).
func nodePortsHaveRunOut(f Failure) (Verdict, bool) {
	out := apierrors.IsInternalError(f.Err) && (strings.Contains(f.Err.Error(), "failed to allocate a nodePort") ||
		strings.Contains(f.Err.Error(), "failed to allocate a HealthCheck NodePort"))
	return Verdict{
		Stalled(v1alpha1.ReasonNodePortsExhausted, "The cluster has no node ports left for the Service (%s): set expose.loadBalancer.allocateNodePorts to false if the load balancer needs none, narrow passive.ports, or widen the API server's --service-node-port-range; a balancer with the externalTrafficPolicy Local takes one for its health checks besides.", Cut(f.Err.Error())), retryPorts,
	}, out
}

func theClusterRefuses(f Failure) (Verdict, bool) {
	refused := apierrors.IsInvalid(f.Err) || apierrors.IsForbidden(f.Err) || apierrors.IsBadRequest(f.Err) || apierrors.IsRequestEntityTooLargeError(f.Err)
	return Verdict{
		Stalled(v1alpha1.ReasonApplyRefused, "The cluster refuses what the operator asks: %s.", Cut(f.Err.Error())), retryRefused,
	}, refused
}

func anotherTryMayHelp(f Failure) (Verdict, bool) {
	return Verdict{
		Waiting(v1alpha1.ReasonRetrying, "The operator tries again: %s.", Cut(f.Err.Error())), BackOff(f.Before),
	}, true
}

// BackOff is how long to wait after so many failures in a row: a quarter of a
// second, twice that each time, and a minute at most.
func BackOff(before int) time.Duration {
	return min(retryLast, retryFirst<<min(before, 10))
}
