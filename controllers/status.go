package controllers

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// writeStatus says in the status of the server and of its users what was found
// out: one patch for each that changed, and then the events.
func (p *pass) writeStatus(ctx context.Context) error {
	before := p.server.FileServer
	after := before.DeepCopy()
	p.describe(&after.Status)
	if err := p.patchStatus(ctx, before, after, &before.Status.Conditions, &after.Status.Conditions, equality.Semantic.DeepEqual(before.Status, after.Status)); err != nil {
		return fmt.Errorf("writing the status: %w", err)
	}
	if err := p.eachUser(ctx, p.writeUserStatus); err != nil {
		return fmt.Errorf("writing a status: %w", err)
	}
	return nil
}

func (p *pass) describe(status *v1alpha1.FileServerStatus) {
	s := p.server
	pods, ready := p.countPods()
	status.ObservedGeneration = &s.Generation
	if p.cutShort {
		// What served goes on to serve, and the rest stays as it was.
		c := p.ready(ready)
		if was := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady); was != nil && ready > 0 {
			c = *was
		}
		setConditions(&status.Conditions, s.Generation, c, p.problems, p.progress)
		return
	}
	status.Address = s.ShownAddress()
	status.Ports = s.PortsText()
	status.Endpoints = s.Endpoints()
	status.PassivePorts = ""
	if s.Spec.ServedProtocols().HasPassive() {
		status.PassivePorts = s.Spec.PassivePorts().String()
	}
	status.SSHHostKeys = p.hostKeys.Status
	status.TLS = p.tls.status(s.TLSSecret())
	status.Replicas = &pods
	status.ReadyReplicas = &ready
	status.Selector = labels.SelectorFromSet(s.Selector()).String()
	users := int32(len(p.users))
	status.Users = &users
	setConditions(&status.Conditions, s.Generation, p.ready(ready), p.problems, p.progress)
	p.describeActiveMode(&status.Conditions)
	p.describeWideRange(&status.Conditions)
}

// So many ports of a Service make some 5000 variables in each pod.
const manyPorts = 1000

// describeWideRange warns of what a Service with many ports does to others
// (kubernetes#84539).
func (p *pass) describeWideRange(conditions *[]metav1.Condition) {
	spec := &p.server.Spec
	if !spec.ServedProtocols().HasPassive() || spec.Expose.Type == v1alpha1.ExposeHostNetwork || spec.PassivePorts().Len() <= manyPorts {
		meta.RemoveStatusCondition(conditions, v1alpha1.ConditionWideRange)
		return
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: v1alpha1.ConditionWideRange, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonServiceLinks,
		Message:            fmt.Sprintf("Kubernetes puts five variables for each of the %d passive ports into every pod of this namespace that does not set enableServiceLinks to false, and too many keep pods from starting: narrow passive.ports (a few ports serve many clients at once), or keep other pods elsewhere.", spec.PassivePorts().Len()),
		ObservedGeneration: p.server.Generation,
	})
}

// describeActiveMode tells whether active mode suits strict clients. It is a
// fact about the exposure, not a failure.
func (p *pass) describeActiveMode(conditions *[]metav1.Condition) {
	if !p.server.Spec.ServedProtocols().HasPassive() {
		meta.RemoveStatusCondition(conditions, v1alpha1.ConditionActiveMode)
		return
	}
	c := metav1.Condition{
		Type: v1alpha1.ConditionActiveMode, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSameAddress,
		Message:            "Active data connections come from the address to which clients connect.",
		ObservedGeneration: p.server.Generation,
	}
	hidden, refused, from := p.server.HidesAddresses(), p.server.ActiveMode() == v1alpha1.ActiveRefused, p.server.ActiveFrom()
	switch {
	case hidden && refused:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonAddressesHidden
		c.Message = "The exposure hides the addresses of clients, and active data connections would go to nodes in their place, so they are refused: clients must use passive mode, or set the externalTrafficPolicy under expose to Local."
	case hidden:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonAddressesHidden
		c.Message = "The exposure hides the addresses of clients unless your network keeps them, and spec.activeMode allows active mode all the same: if it does hide them, any user can have the server connect to ports of the nodes. Leave activeMode out, or set the externalTrafficPolicy under expose to Local."
	case refused:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonActiveModeRefused
		c.Message = "Active mode is refused, as spec.activeMode wants: clients must use passive mode."
	case from != "":
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonOtherAddress
		c.Message = fmt.Sprintf("Active data connections come from %s; clients that want them from where they connected must use passive mode.", from)
	}
	meta.SetStatusCondition(conditions, c)
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

// ready says whether clients can connect, and if not, why. What is wrong
// beside that is in the other conditions.
func (p *pass) ready(pods int32) metav1.Condition {
	s := p.server
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse}
	switch {
	case *s.Spec.Replicas == 0:
		// As wanted, so it is no failure for those who wait for objects.
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonScaledToZero
		c.Message = "No pod runs, as spec.replicas wants; clients cannot connect."
	case pods == 0 && len(p.problems) > 0:
		c.Reason, c.Message = p.problems[0].reason, p.problems[0].message
	case pods == 0:
		c.Reason, c.Message = v1alpha1.ReasonProgressing, "The first pod is starting."
	case s.ShownAddress() == "":
		c.Reason, c.Message = v1alpha1.ReasonAddressPending, p.addressPending()
	default:
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonReady
		c.Message = fmt.Sprintf("Clients can connect to %s (%s).", s.ShownAddress(), s.PortsText())
	}
	return c
}

func (p *pass) addressPending() string {
	if p.server.Spec.Expose.Type == v1alpha1.ExposeLoadBalancer {
		return fmt.Sprintf("The Service %q has no address yet: see `kubectl describe service %s`; without a load balancer in the cluster, set expose.type to NodePort.", p.server.Name, p.server.Name)
	}
	return fmt.Sprintf("The Service %q has no address or ports yet.", p.server.Name)
}

// setConditions writes the three conditions that kstatus reads.
func setConditions(conditions *[]metav1.Condition, generation int64, ready metav1.Condition, problems []*problem, progress string) {
	reconciling := metav1.Condition{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonReady, Message: "Nothing is under way."}
	isStalled := metav1.Condition{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonReady, Message: "Nothing is in the way."}
	switch {
	case progress != "":
		reconciling.Status, reconciling.Reason, reconciling.Message = metav1.ConditionTrue, v1alpha1.ReasonProgressing, progress
	case ready.Status != metav1.ConditionTrue:
		reconciling.Status, reconciling.Reason, reconciling.Message = metav1.ConditionTrue, ready.Reason, ready.Message
	}
	for _, p := range problems {
		c := &reconciling
		if p.stalled {
			c = &isStalled
		}
		if c.Status != metav1.ConditionTrue || c.Reason == v1alpha1.ReasonProgressing || c.Reason == ready.Reason {
			c.Status, c.Reason, c.Message = metav1.ConditionTrue, p.reason, p.message
		}
	}
	if isStalled.Status == metav1.ConditionTrue {
		// kstatus takes either for the whole truth; what needs somebody's
		// hand comes first.
		reconciling = metav1.Condition{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionFalse, Reason: isStalled.Reason, Message: "Waiting does not help: see the condition Stalled."}
	}
	for _, c := range []metav1.Condition{ready, reconciling, isStalled} {
		c.ObservedGeneration = generation
		meta.SetStatusCondition(conditions, c)
	}
}

// patchStatus writes a status if it changed, and then tells the change of
// readiness as an event. The status that it starts from may be older than the
// last one written; that one's own arrival in the cache starts another pass,
// which then sees the difference.
func (p *pass) patchStatus(ctx context.Context, before, after client.Object, was, is *[]metav1.Condition, same bool) error {
	if same {
		return nil
	}
	if err := p.Status().Patch(ctx, after, client.MergeFrom(before)); err != nil {
		return client.IgnoreNotFound(err)
	}
	p.tell(after, *was, *is)
	return nil
}

// passing are reasons that every new object has for a while, and that need not
// be told.
var passing = []string{v1alpha1.ReasonProgressing, v1alpha1.ReasonAddressPending, v1alpha1.ReasonServerNotReady, v1alpha1.ReasonLoading}

// tell makes an event of each condition that changed its reason.
func (p *pass) tell(obj client.Object, was, is []metav1.Condition) {
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionStalled} {
		old, now := meta.FindStatusCondition(was, kind), meta.FindStatusCondition(is, kind)
		if now == nil || old != nil && old.Status == now.Status && old.Reason == now.Reason {
			continue
		}
		good := (now.Status == metav1.ConditionTrue) == (kind == v1alpha1.ConditionReady)
		if good && kind == v1alpha1.ConditionStalled || !good && slices.Contains(passing, now.Reason) {
			continue
		}
		level := corev1.EventTypeNormal
		if !good {
			level = corev1.EventTypeWarning
		}
		p.Events.Eventf(obj, nil, level, now.Reason, "Reconcile", "%s", now.Message)
	}
}

// writeUserStatus says what was found out about a user.
func (p *pass) writeUserStatus(ctx context.Context, u *userState) error {
	before := u.user
	after := before.DeepCopy()
	status := &after.Status
	status.ObservedGeneration = &before.Generation
	status.Username = before.LoginName()
	status.Binding = nil
	if u.problem == nil {
		status.Binding = &v1alpha1.Binding{Name: resources.CredentialsName(before.Name)}
	}
	ready, problem := p.userReady(u)
	setConditions(&status.Conditions, before.Generation, ready, listOf(problem), "")
	return p.patchStatus(ctx, before, after, &before.Status.Conditions, &status.Conditions, equality.Semantic.DeepEqual(before.Status, *status))
}

// userReady says whether the account is in force on every pod.
func (p *pass) userReady(u *userState) (metav1.Condition, *problem) {
	c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse}
	problem := u.problem
	if problem == nil {
		problem = p.servesProtocol(u)
	}
	if problem == nil {
		problem = p.loadedBy(u)
	}
	if problem != nil {
		c.Reason, c.Message = problem.reason, problem.message
		return c, problem
	}
	c.Status = metav1.ConditionTrue
	spec := &u.user.Spec
	switch {
	case spec.Suspended:
		c.Reason, c.Message = v1alpha1.ReasonSuspended, "The user is refused, as spec.suspended wants."
	case spec.ExpiresAt != nil && !p.Clock.Now().Before(spec.ExpiresAt.Time):
		c.Reason, c.Message = v1alpha1.ReasonExpired, "The user is refused, since spec.expiresAt has passed."
	default:
		c.Reason, c.Message = v1alpha1.ReasonLoaded, "The user can log in."
	}
	return c, nil
}

func (p *pass) servesProtocol(u *userState) *problem {
	served := served(p.server.Spec.ServedProtocols())
	if len(u.user.Spec.Protocols) == 0 {
		return nil
	}
	for _, name := range u.user.Spec.Protocols {
		if slices.Contains(served, name) {
			return nil
		}
	}
	return stalled(v1alpha1.ReasonProtocolNotServed, "The FileServer %q serves none of the user's protocols: add one of %v to spec.protocols, or serve it.", p.server.Name, served)
}

func listOf(p *problem) []*problem {
	if p == nil {
		return nil
	}
	return []*problem{p}
}

// reportOrphans tells the users of a server that does not exist.
func (r *FileServerReconciler) reportOrphans(ctx context.Context, server types.NamespacedName) error {
	p := r.begin(&v1alpha1.FileServer{ObjectMeta: metav1.ObjectMeta{Namespace: server.Namespace, Name: server.Name}})
	users, err := p.listUsers(ctx)
	if err != nil {
		return err
	}
	for i := range users {
		p.users = append(p.users, &userState{user: &users[i], problem: waiting(v1alpha1.ReasonServerNotFound, "The FileServer %q in serverRef does not exist in this namespace: create it, or name another one.", server.Name)})
	}
	return p.eachUser(ctx, p.writeUserStatus)
}
