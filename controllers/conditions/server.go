package conditions

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// Server is what was found out about a FileServer.
type Server struct {
	Name       string
	Generation int64
	Replicas   int32 // wanted
	// Pods is how many serve; -1 if that is not known.
	Pods int32
	// Address and Ports are where clients connect; no Address: there is none.
	Address, Ports string
	Expose         v1alpha1.ExposeType
	// Cut tells of lists in the status that have not room for all.
	Cut []string
	// Problems are in the order in which they were found.
	Problems []*Problem
	// Progress says what is under way; "" if nothing is.
	Progress string
	// Before is what the condition Ready was; nil if there was none.
	Before *metav1.Condition

	Active *ActiveMode // nil: not known
	Events *Delivery   // nil: none are told, or nothing is known
	Wide   int         // how many ports the Service has for passive connections
}

// Write writes the conditions of a FileServer.
func (s Server) Write(conditions *[]metav1.Condition) {
	s.Before = meta.FindStatusCondition(*conditions, v1alpha1.ConditionReady)
	serverIsReady.decide(s).write(conditions, s.Generation, s.Problems, s.Progress)
	if s.Active != nil {
		set(conditions, s.Generation, v1alpha1.ConditionActiveMode, activeMode.decide(*s.Active))
	}
	set(conditions, s.Generation, v1alpha1.ConditionEventsDelivered, s.delivery())
	set(conditions, s.Generation, v1alpha1.ConditionWideRange, wideRange.decide(s.Wide))
}

// set writes a condition that tells a fact, or removes it.
func set(conditions *[]metav1.Condition, generation int64, kind string, c *metav1.Condition) {
	if c == nil {
		meta.RemoveStatusCondition(conditions, kind)
		return
	}
	c.ObservedGeneration = generation
	meta.SetStatusCondition(conditions, *c)
}

// serverIsReady says whether clients can connect, and if not, why. What is
// wrong beside that is in the other conditions.
var serverIsReady = chain[Server, readiness]{
	noPodIsWanted,
	podsCannotBeSeen,
	aProblemKeepsPodsFromServing,
	theFirstPodStarts,
	noAddressYet,
	clientsCanConnect,
}

// As wanted, so it is no failure for those who wait for objects.
func noPodIsWanted(s Server) (readiness, bool) {
	if s.Replicas > 0 {
		return pass()
	}
	return yes(v1alpha1.ReasonScaledToZero, "No pod runs, as spec.replicas wants; clients cannot connect.")
}

// What served goes on to serve.
func podsCannotBeSeen(s Server) (readiness, bool) {
	switch {
	case s.Pods >= 0:
		return pass()
	case s.Before != nil:
		return readiness{ready: s.Before.Status == metav1.ConditionTrue, reason: s.Before.Reason, message: s.Before.Message}, true
	case len(s.Problems) > 0:
		return no(s.Problems[0].Reason, s.Problems[0].Message)
	}
	return no(v1alpha1.ReasonProgressing, "The operator has not seen the pods yet.")
}

func aProblemKeepsPodsFromServing(s Server) (readiness, bool) {
	if s.Pods > 0 || len(s.Problems) == 0 {
		return pass()
	}
	return no(s.Problems[0].Reason, s.Problems[0].Message)
}

func theFirstPodStarts(s Server) (readiness, bool) {
	if s.Pods > 0 {
		return pass()
	}
	return no(v1alpha1.ReasonProgressing, "The first pod is starting.")
}

func noAddressYet(s Server) (readiness, bool) {
	switch {
	case s.Address != "":
		return pass()
	case len(s.Problems) > 0:
		return no(s.Problems[0].Reason, s.Problems[0].Message)
	case s.Expose == v1alpha1.ExposeLoadBalancer:
		return no(v1alpha1.ReasonAddressPending, fmt.Sprintf("The Service %q has no address yet: see `kubectl describe service %s`; without a load balancer in the cluster, set expose.type to NodePort.", s.Name, s.Name))
	}
	return no(v1alpha1.ReasonAddressPending, fmt.Sprintf("The Service %q has no address or ports yet.", s.Name))
}

func clientsCanConnect(s Server) (readiness, bool) {
	message := []string{fmt.Sprintf("Clients can connect to %s (%s).", s.Address, s.Ports)}
	return yes(v1alpha1.ReasonReady, strings.Join(append(message, s.Cut...), " "))
}
