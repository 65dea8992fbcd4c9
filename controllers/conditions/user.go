package conditions

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// User is what was found out about a FileServerUser.
type User struct {
	Server     string
	Generation int64
	// Problems are what of its description cannot be had, in the order in which
	// that was found.
	Problems []*Problem
	// Known is true if the account is in the users' file.
	Known bool
	// Wanted and Served are protocols; no Wanted: all.
	Wanted, Served []v1alpha1.ProtocolName
	// NeedsKey is true if nothing but SFTP can ask for what the login needs.
	NeedsKey bool
	// ByAddress names what of the account goes by the addresses of clients, where
	// the exposure hides these.
	ByAddress []string
	// Suspended and Expired say that the spec refuses the user.
	Suspended, Expired bool
	// Pods are those that serve.
	Pods []Pod
}

// Pod is what a pod that serves has of a user.
type Pod struct {
	Name string
	// Silent says why the pod does not say what it has loaded.
	Silent string
	// Unreachable is true if it has not said so for so long that waiting does not help.
	Unreachable bool
	// Refuses says why the pod refuses a file.
	Refuses string
	// LeavesOut says what of the account cannot be used there.
	LeavesOut string
	// Has is true if the account is in force there.
	Has bool
	// Denied says which folder the pod may not use as the user needs it.
	Denied string
}

// Write writes the conditions of a FileServerUser.
func (u User) Write(conditions *[]metav1.Condition) {
	d := userIsReady.decide(u)
	d.write(conditions, u.Generation, append(slices.Clone(u.Problems), d.problems...), "")
}

// decided is whether a user is ready, and what is in the way besides what was
// found before.
type decided struct {
	readiness
	problems []*Problem
}

// userIsReady says whether the user can log in as described.
var userIsReady = chain[User, decided]{
	theAccountCannotBeMade,
	theAccountIsBeingMade,
	noProtocolIsServed,
	aKeyIsNeededAndSFTPNotServed,
	addressesAreHiddenByWhichTheUserIsLetIn,
	noPodServes,
	aPodDoesNotSay,
	aPodRefusesTheFile,
	aPodHasNotLoaded,
	aPodLeavesSomethingOut,
	theUserIsSuspended,
	theUserHasExpired,
	aPodMayNotUseTheHome,
	somethingIsNotAsDescribed,
	theUserCanLogIn,
}

func theAccountCannotBeMade(u User) (decided, bool) {
	if u.Known || len(u.Problems) == 0 {
		return decided{}, false
	}
	return decided{readiness: readiness{reason: u.Problems[0].Reason, message: u.Problems[0].Message}}, true
}

func theAccountIsBeingMade(u User) (decided, bool) {
	return decided{readiness: readiness{reason: v1alpha1.ReasonLoading, message: "The account is being made."}}, !u.Known
}

func noProtocolIsServed(u User) (decided, bool) {
	none := len(u.Wanted) > 0 && !slices.ContainsFunc(u.Wanted, func(p v1alpha1.ProtocolName) bool { return slices.Contains(u.Served, p) })
	return because(none, Stalled(v1alpha1.ReasonProtocolNotServed, "The FileServer %q serves none of the user's protocols: add one of %v to spec.protocols, or serve it.", u.Server, u.Served))
}

func aKeyIsNeededAndSFTPNotServed(u User) (decided, bool) {
	sftp := slices.Contains(u.Served, v1alpha1.ProtocolSFTP) && (len(u.Wanted) == 0 || slices.Contains(u.Wanted, v1alpha1.ProtocolSFTP))
	return because(u.NeedsKey && !sftp, Stalled(v1alpha1.ReasonProtocolNotServed, "The user logs in with a key, which only SFTP can ask for, and the FileServer %q serves %v: serve sftp, or give the user a password and set authentication to Any.", u.Server, u.Served))
}

func addressesAreHiddenByWhichTheUserIsLetIn(u User) (decided, bool) {
	return because(len(u.ByAddress) > 0, Stalled(v1alpha1.ReasonAddressesHidden, "The exposure of the FileServer %q shows it the address of a node in place of a client's, so clients from outside of the cluster are refused by %s: set the externalTrafficPolicy under expose to Local, or proxyProtocolFrom, or remove that.", u.Server, strings.Join(u.ByAddress, " and ")))
}

func noPodServes(u User) (decided, bool) {
	return because(len(u.Pods) == 0, Waiting(v1alpha1.ReasonServerNotReady, "No pod of the FileServer %q serves yet.", u.Server))
}

func aPodDoesNotSay(u User) (decided, bool) {
	p, found := first(u.Pods, func(p Pod) bool { return p.Silent != "" })
	if p.Unreachable {
		return because(found, Stalled(v1alpha1.ReasonPodsUnreachable, "The pod %q does not say what it has loaded: %s. Look for NetworkPolicies that deny it, to the pod or from the operator, and admit the operator's pods.", p.Name, Cut(p.Silent)))
	}
	return because(found, Waiting(v1alpha1.ReasonLoading, "The pod %q does not say what it has loaded: %s.", p.Name, Cut(p.Silent)))
}

func aPodRefusesTheFile(u User) (decided, bool) {
	p, found := first(u.Pods, func(p Pod) bool { return !p.Has && p.Refuses != "" })
	return because(found, Stalled(v1alpha1.ReasonConfigurationRefused, "The pod %q refuses a file: %s.", p.Name, Cut(p.Refuses)))
}

func aPodHasNotLoaded(u User) (decided, bool) {
	p, found := first(u.Pods, func(p Pod) bool { return !p.Has })
	return because(found, Waiting(v1alpha1.ReasonLoading, "The pod %q has not loaded the user yet.", p.Name))
}

func aPodLeavesSomethingOut(u User) (decided, bool) {
	p, found := first(u.Pods, func(p Pod) bool { return p.LeavesOut != "" })
	return because(found && len(u.Problems) == 0, Stalled(v1alpha1.ReasonConfigurationRefused, "The pod %q leaves something of the user out: %s.", p.Name, Cut(p.LeavesOut)))
}

func theUserIsSuspended(u User) (decided, bool) {
	return decided{readiness: readiness{reason: v1alpha1.ReasonSuspended, message: "The user is refused, as spec.state wants.", asWanted: true}}, u.Suspended
}

func theUserHasExpired(u User) (decided, bool) {
	return decided{readiness: readiness{reason: v1alpha1.ReasonExpired, message: "The user is refused, since spec.expiresAt has passed.", asWanted: true}}, u.Expired
}

func aPodMayNotUseTheHome(u User) (decided, bool) {
	p, found := first(u.Pods, func(p Pod) bool { return p.Denied != "" })
	return because(found, Stalled(v1alpha1.ReasonVolumeDenied, "%s", p.Denied))
}

func somethingIsNotAsDescribed(u User) (decided, bool) {
	if len(u.Problems) == 0 {
		return decided{}, false
	}
	p := u.Problems[0]
	return decided{readiness: readiness{reason: p.Reason, message: p.Message + " Until then what could be read, and what was read last, stays in force."}}, true
}

func theUserCanLogIn(User) (decided, bool) {
	return decided{readiness: readiness{ready: true, reason: v1alpha1.ReasonLoaded, message: "The user can log in."}}, true
}

// because is a decision for a problem.
func because(found bool, p *Problem) (decided, bool) {
	return decided{readiness{reason: p.Reason, message: p.Message}, []*Problem{p}}, found
}

func first(pods []Pod, is func(Pod) bool) (Pod, bool) {
	if i := slices.IndexFunc(pods, is); i >= 0 {
		return pods[i], true
	}
	return Pod{}, false
}
