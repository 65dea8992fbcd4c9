package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/controllers/rollout"
)

// DefaultRollingServers is how many servers get new pods at a time after an upgrade
// of the operator.
const DefaultRollingServers = 10

// pace bounds how many servers get new pods at a time: an upgrade of the operator,
// which has an image of its own for them, changes the pods of all.
type pace struct {
	*rollout.Pace
	clock clock.PassiveClock
	// wake gets the servers whose turn it is.
	wake chan event.TypedGenericEvent[types.NamespacedName]
}

func newPace(most int, c clock.PassiveClock) *pace {
	return &pace{Pace: rollout.NewPace(most), clock: c, wake: make(chan event.TypedGenericEvent[types.NamespacedName], 1024)}
}

func (p *pace) begin(server types.NamespacedName) bool {
	return p.Begin(server.String(), p.clock.Now())
}

func (p *pace) rolls(server types.NamespacedName) { p.Rolls(server.String(), p.clock.Now()) }

func (p *pace) done(server types.NamespacedName) {
	for _, next := range p.Done(server.String(), p.clock.Now()) {
		namespace, name, _ := strings.Cut(next, string(types.Separator))
		select {
		case p.wake <- event.TypedGenericEvent[types.NamespacedName]{Object: types.NamespacedName{Namespace: namespace, Name: name}}:
		default: // it looks again by itself
		}
	}
}

// lookAgain is how soon a server that waits for its turn looks by itself.
const lookAgain = time.Minute

// paceSlots says what a server waits for before it gets new pods; "" if it need not
// wait. Only an upgrade of the operator waits, and only as long as nothing else has to
// be done with the pods: what somebody changes in the spec is made at once.
func (p *pass) paceSlots(have rollout.Observed, want rollout.Wanted) string {
	outdated, idle := 0, len(have.Slots) == want.Replicas
	for _, s := range have.Slots {
		if s.Template != want.Template {
			outdated++
		}
		idle = idle && s.Ready && !s.Leaving && s.Number < len(want.Slices) && s.Ports == want.Slices[s.Number]
	}
	return p.paced(outdated > 0, idle && outdated == len(have.Slots), outdated == 0 && idle)
}

// paceShared is the same for the one Deployment of a server without slots.
func (p *pass) paceShared(replicas int32) string {
	for i := range p.deployments {
		d := &p.deployments[i]
		if d.Name != resources.SharedName(p.server.Name) {
			continue
		}
		outdated := d.Annotations[v1alpha1.AnnotationTemplate] != p.server.Template()
		idle := d.Status.ObservedGeneration >= d.Generation && d.Status.AvailableReplicas == replicas &&
			d.Status.UpdatedReplicas == replicas && d.Spec.Replicas != nil && *d.Spec.Replicas == replicas && p.leavingShared() == 0
		return p.paced(outdated, idle && outdated, idle && !outdated)
	}
	return ""
}

// paced decides for a server with outdated pods, which may wait if nothing else is to
// be done, or whose pods are all as wanted.
func (p *pass) paced(outdated, mayWait, asWanted bool) string {
	server := client.ObjectKeyFromObject(p.server.FileServer)
	seen := p.server.Status.ObservedGeneration
	switch {
	case asWanted:
		p.pace.done(server)
	case !outdated:
	case !mayWait || p.server.UserShards > p.mountedShards() || seen == nil || *seen != p.server.Generation:
		p.pace.rolls(server)
	case !p.pace.begin(server):
		p.again(lookAgain)
		return fmt.Sprintf("The pods are of an older release of the operator, and get the new one when fewer than %d other FileServers are getting it.", p.pace.Most())
	}
	return ""
}

// resume notes which servers were getting new pods when the operator ended: those
// whose slots run different templates.
func (p *pace) resume(ctx context.Context, c client.Reader) error {
	var list appsv1.DeploymentList
	if err := c.List(ctx, &list, client.HasLabels{v1alpha1.LabelSlot}); err != nil {
		return fmt.Errorf("listing Deployments: %w", err)
	}
	template := map[types.NamespacedName]string{}
	for _, d := range list.Items {
		server := types.NamespacedName{Namespace: d.Namespace, Name: d.Labels[v1alpha1.LabelServer]}
		runs := d.Annotations[v1alpha1.AnnotationTemplate]
		if other, known := template[server]; known && other != runs {
			p.rolls(server)
		}
		template[server] = runs
	}
	return nil
}
