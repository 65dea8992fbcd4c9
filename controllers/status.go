package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/check"
)

// writeStatus says in the status of the server and of its users what was found
// out: one patch for each that changed, and then the events.
func (p *pass) writeStatus(ctx context.Context) error {
	before := p.server.FileServer
	after := before.DeepCopy()
	p.describe(&after.Status)
	return errors.Join(p.writeServerStatus(ctx, before, after), p.writeUserStatuses(ctx))
}

// writeUserStatuses does so for the users of whom it may be another one. One that cannot be written does not
// keep the others from it.
func (p *pass) writeUserStatuses(ctx context.Context) error {
	var mu sync.Mutex
	var errs []error
	serving := p.servingPods()
	ofAll, now := p.ofAll(serving), p.Clock.Now()
	var changed []*userState
	for _, u := range p.users {
		says := says(serving, ofAll, u, now)
		if u.fresh || ofAll == "" || u.said != says {
			u.said = says
			changed = append(changed, u)
		}
	}
	eachUser(changed, func(u *userState) {
		err := p.writeUserStatus(ctx, serving, u)
		if err != nil {
			u.said = said{}
		}
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	})
	for _, u := range changed {
		if u.awaits > 0 {
			p.again(u.awaits)
		}
	}
	return errors.Join(errs...)
}

// withholdStatus has the status of all users looked at in the next pass.
func (p *pass) withholdStatus() {
	for _, u := range p.users {
		if u.fresh {
			u.said = said{}
		}
	}
}

// sayPaused says that nothing is done. All else in the status stays as it was,
// and so does observedGeneration.
func (p *pass) sayPaused(ctx context.Context) error {
	before := p.server.FileServer
	after := before.DeepCopy()
	meta.SetStatusCondition(&after.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionPaused, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonPaused, ObservedGeneration: before.Generation,
		Message: "No change of the FileServer or of its users is made, a suspension neither: remove the annotation " + v1alpha1.AnnotationPaused + " to go on.",
	})
	return p.writeServerStatus(ctx, before, after)
}

func (p *pass) writeServerStatus(ctx context.Context, before, after *v1alpha1.FileServer) error {
	if equality.Semantic.DeepEqual(before.Status, after.Status) {
		return nil
	}
	if err := p.patchStatus(ctx, before, after, before.Status.Conditions, after.Status.Conditions); err != nil {
		return err
	}
	p.mem().written = writtenStatus{after.UID, after.ResourceVersion, after.Status}
	return nil
}

// writtenStatus is the status of a FileServer as it was written last. The cache may be
// behind it, and no pass begins when the cache has it.
type writtenStatus struct {
	of      types.UID
	version string
	status  v1alpha1.FileServerStatus
}

// bringForward gives a FileServer from the cache the status that was written since.
func (w *writtenStatus) bringForward(fs *v1alpha1.FileServer) {
	if w.of == fs.UID && older(fs.ResourceVersion, w.version) {
		w.status.DeepCopyInto(&fs.Status)
		return
	}
	*w = writtenStatus{}
}

// older says whether a version of an object came before another one.
func older(version, than string) bool {
	order, err := resourceversion.CompareResourceVersion(version, than)
	return err == nil && order < 0
}

// describe writes what was found out; what was not stays as it was.
func (p *pass) describe(status *v1alpha1.FileServerStatus) {
	s := p.server
	status.ObservedGeneration = &s.Generation
	meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionPaused)
	found := conditions.Server{
		Name: s.Name, Generation: s.Generation,
		Replicas: *s.Spec.Replicas, Pods: -1, Expose: s.Spec.Expose.Type,
		Problems: p.problems, Progress: p.progress,
	}
	if p.volume.known { // on which the traffic policy depends
		found.Active = &conditions.ActiveMode{
			Served: s.Spec.ServedProtocols().HasPassive(),
			Hidden: s.HidesAddresses(), Refused: s.ActiveMode() == v1alpha1.ActiveRefused, From: s.ActiveFrom(),
		}
	}
	if p.seen {
		pods, ready := p.countPods()
		status.Replicas, status.ReadyReplicas, found.Pods = &pods, &ready, ready
	}
	if p.exposed {
		status.Address, status.Ports = s.ShownAddress(), s.PortsText()
		status.Endpoints, found.Cut = bounded(s.Endpoints(), maxEndpoints, "status.endpoints", found.Cut)
	}
	found.Events = p.delivery()
	status.PassivePorts = ""
	if s.Spec.ServedProtocols().HasPassive() {
		status.PassivePorts = s.Spec.PassivePorts().String()
		if s.Spec.Expose.Type != v1alpha1.ExposeHostNetwork {
			found.Wide = int(s.Spec.PassivePorts().Len())
		}
	}
	if len(p.hostKeys.Status) > 0 || s.HostKeysSecret() == "" {
		status.SSHHostKeys, found.Cut = bounded(p.hostKeys.Status, maxHostKeys, "status.sshHostKeys", found.Cut)
	}
	if p.tls.leaf != nil || s.TLSSecret() == "" {
		status.TLS = p.tls.status(s.TLSSecret())
	}
	status.Selector = labels.SelectorFromSet(s.Selector()).String()
	if p.users != nil {
		users := p.countUsers()
		status.Users = &users
	}
	found.Address, found.Ports = status.Address, status.Ports
	found.Write(&status.Conditions)
}

// How many elements these lists of the status take (api/v1alpha1/status.go).
const (
	maxEndpoints = 64
	maxHostKeys  = 16
)

// bounded is a list without what is beyond its bound, and a sentence about that
// where something is.
func bounded[T any](list []T, bound int, name string, sentences []string) ([]T, []string) {
	if len(list) <= bound {
		return list, sentences
	}
	return list[:bound], append(sentences, fmt.Sprintf("There are %d %s, of which the status lists %d.", len(list), name, bound))
}

func (p *pass) countPods() (all, ready int32) {
	for i := range p.pods {
		if terminating(&p.pods[i]) {
			continue
		}
		all++
		if podReady(&p.pods[i]) {
			ready++
		}
	}
	return all, ready
}

// countUsers counts those who are in a shard.
func (p *pass) countUsers() (users int32) {
	for _, u := range p.users {
		if u.known() {
			users++
		}
	}
	return users
}

// patchStatus writes a status, and then tells the change of readiness as an event.
func (p *pass) patchStatus(ctx context.Context, before, after client.Object, was, is []metav1.Condition) error {
	if err := p.Status().Patch(ctx, after, client.MergeFrom(before)); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil
		}
		return fmt.Errorf("writing the status of %s: %w", before.GetName(), err)
	}
	p.tell(after, was, is)
	return nil
}

// passing are reasons that every new object has for a while, and that need not
// be told.
var passing = []string{v1alpha1.ReasonProgressing, v1alpha1.ReasonAddressPending, v1alpha1.ReasonServerNotReady, v1alpha1.ReasonLoading}

// wantedReasons are those of users who are refused because their spec wants it so.
var wantedReasons = []string{v1alpha1.ReasonSuspended, v1alpha1.ReasonExpired}

// tell makes an event of each condition that changed its reason.
func (p *pass) tell(obj client.Object, was, is []metav1.Condition) {
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionStalled} {
		old, now := meta.FindStatusCondition(was, kind), meta.FindStatusCondition(is, kind)
		if now == nil || old != nil && old.Status == now.Status && old.Reason == now.Reason {
			continue
		}
		good := (now.Status == metav1.ConditionTrue) == (kind == v1alpha1.ConditionReady)
		if _, user := obj.(*v1alpha1.FileServerUser); user && good && (old == nil || slices.Contains(passing, old.Reason)) {
			continue // that a new user can log in surprises nobody
		}
		if slices.Contains(wantedReasons, now.Reason) {
			continue
		}
		if good && kind == v1alpha1.ConditionStalled || !good && slices.Contains(passing, now.Reason) {
			continue
		}
		level := corev1.EventTypeNormal
		if !good {
			level = corev1.EventTypeWarning
		}
		// The API server takes 1 KiB (events.k8s.io, note).
		p.Events.Eventf(obj, nil, level, now.Reason, "Reconcile", "%s", conditions.Cut(now.Message))
	}
}

// writeUserStatus says what was found out about a user.
func (p *pass) writeUserStatus(ctx context.Context, serving []servingPod, u *userState) error {
	before := u.user
	after := before.DeepCopy()
	status := &after.Status
	status.ObservedGeneration = &before.Generation
	status.Username = before.LoginName()
	status.Binding = nil
	if u.known() {
		status.Binding = &v1alpha1.Binding{Name: resources.CredentialsName(before.Name)}
	}
	spec := &before.Spec
	conditions.User{
		Server: p.server.Name, Generation: before.Generation,
		Problems: u.problems, Known: u.known(),
		Wanted: spec.Protocols, Served: served(p.server.Spec.ServedProtocols()),
		NeedsKey: u.known() && (u.account.RequireAll || u.account.PasswordHash == ""), ByAddress: p.hiddenFrom(u),
		Suspended: spec.State == v1alpha1.UserSuspended,
		Expired:   u.said.expired,
		Pods:      p.loadedBy(serving, u),
	}.Write(&status.Conditions)
	if u.awaits = p.loadsSoon(serving, u, status.Conditions); u.awaits > 0 {
		u.said = said{}
		return nil
	}
	if equality.Semantic.DeepEqual(before.Status, *status) {
		return nil
	}
	if err := p.patchStatus(ctx, before, after, before.Status.Conditions, status.Conditions); err != nil {
		return err
	}
	u.user = after
	return nil
}

// Pods load a change within a second or so.
const loadsWithin = 2 * time.Second

// loadsSoon is positive if all there is to say of a user is that pods are about to load
// the change: before anybody could read of it, it would be said that they have. It is
// how long that is not said. A pod that does not say what it has is no such pod.
func (p *pass) loadsSoon(serving []servingPod, u *userState, is []metav1.Condition) time.Duration {
	ready := meta.FindStatusCondition(is, v1alpha1.ConditionReady)
	if ready.Reason != v1alpha1.ReasonLoading || len(u.problems) > 0 || !u.known() {
		return 0
	}
	if slices.ContainsFunc(serving, func(s servingPod) bool { return s.err != nil }) {
		return 0
	}
	return loadsWithin - p.Clock.Since(u.since)
}

// hiddenFrom names what of an account goes by the addresses of clients, if the
// exposure hides these and shows none that is let in.
func (p *pass) hiddenFrom(u *userState) []string {
	if len(u.byAddress) == 0 || !p.hides() {
		return nil
	}
	for _, address := range p.nodeAddresses() {
		if check.Overlap(u.account.AllowedSources, []string{address}) {
			return nil
		}
	}
	return u.byAddress
}

// hides says whether the exposure is known to hide the addresses of clients.
func (p *pass) hides() bool { return p.volume.known && p.server.HidesAddresses() }

// nodeAddresses are those by which clients come, where these are hidden.
func (p *pass) nodeAddresses() (addresses []string) {
	if !p.hides() {
		return nil
	}
	for _, node := range p.nodes {
		for _, a := range node.Status.Addresses {
			addresses = append(addresses, a.Address)
		}
	}
	slices.Sort(addresses)
	return addresses
}

// reportOrphans tells the users of a server that does not exist.
func (r *FileServerReconciler) reportOrphans(ctx context.Context, server types.NamespacedName) error {
	p := r.begin(&v1alpha1.FileServer{ObjectMeta: metav1.ObjectMeta{Namespace: server.Namespace, Name: server.Name}})
	users, err := p.listUsers(ctx)
	if err != nil {
		return err
	}
	for i := range users {
		u := &userState{user: &users[i], fresh: true}
		u.problems = []*conditions.Problem{conditions.Waiting(v1alpha1.ReasonServerNotFound, "The FileServer %q in serverRef does not exist in this namespace: create it, or name another one.", server.Name)}
		p.users = append(p.users, u)
	}
	return p.writeUserStatuses(ctx)
}
