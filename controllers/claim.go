package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// volume is what is known of where the files are.
type volume struct {
	// known is true if the spec and the claim tell what pods the volume takes.
	known bool
	// usable is true if pods can be started with it.
	usable  bool
	claim   *corev1.PersistentVolumeClaim // nil if there is none
	oneNode bool                          // it keeps all pods on one node
	onePod  bool                          // it takes one pod at a time
	// readOnly is true if it can only be read.
	readOnly bool
}

// reconcileClaim sees to the volume, and finds out whether it ties pods to one
// node.
func (p *pass) reconcileClaim(ctx context.Context) (volume, error) {
	name := p.server.ClaimInUse()
	if name == "" {
		return volume{known: true, usable: true}, nil
	}
	claim, err := p.readClaim(ctx, name)
	if err != nil {
		return volume{}, err
	}
	want := p.server.Spec.Storage.WantedClaim()
	if claim == nil && want == nil {
		return volume{}, conditions.Waiting(v1alpha1.ReasonClaimNotFound, "The PersistentVolumeClaim %q in storage.existingClaim does not exist: create it, or name another one.", name)
	}
	v := volume{known: true, usable: claim != nil, claim: claim}
	modes := resources.WantedModes(want)
	if claim != nil {
		modes = claim.Spec.AccessModes
	}
	v.oneNode, v.onePod, v.readOnly = resources.OneNode(modes), resources.OnePod(modes), resources.ReadOnly(modes)
	if want == nil {
		return v, nil
	}
	if claim != nil && !claim.DeletionTimestamp.IsZero() {
		return v, conditions.Waiting(v1alpha1.ReasonClaimPending, "The PersistentVolumeClaim %q is being deleted; a new, empty one is made when it has gone.", name)
	}
	desired := p.server.Claim(claim)
	if claim == nil {
		// What the cache has not seen yet keeps its size and its access modes.
		desired.WithResourceVersion(unborn)
	}
	if err := p.put(ctx, desired); err != nil {
		if apierrors.IsConflict(err) {
			p.mem().doubt(name)
		}
		return v, err
	}
	v.usable = true
	if claim == nil {
		p.again(soon) // to see whether it has a volume by then
	}
	if difference := p.server.ClaimDiffers(claim); difference != "" {
		return v, conditions.Stalled(v1alpha1.ReasonClaimDiffers, "%s", difference)
	}
	return v, nil
}

// wasOneNode says, while the claim cannot be read, whether it tied pods to one node
// when it was read last, as far as others but the pods depend on it.
func (p *pass) wasOneNode() bool {
	return p.service != nil && p.service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

// readClaim reads a claim; nil if it does not exist. One that is not the operator's
// is asked for once in each of its versions.
func (p *pass) readClaim(ctx context.Context, name string) (*corev1.PersistentVolumeClaim, error) {
	claim := &corev1.PersistentVolumeClaim{}
	key := client.ObjectKey{Namespace: p.server.Namespace, Name: name}
	err := p.Get(ctx, key, claim)
	if err == nil {
		p.mem().trust(name)
		return claim, nil
	}
	if !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("reading PersistentVolumeClaim %s: %w", name, err)
	}
	version, err := p.version(ctx, claimKind, name)
	if err != nil {
		return nil, fmt.Errorf("reading PersistentVolumeClaim %s: %w", name, err)
	}
	if known, ok := p.mem().claim.of(version); ok {
		return known, nil
	}
	if version == "" && !p.mem().doubts(name) {
		return nil, nil
	}
	if err := p.Direct.Get(ctx, key, claim); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading PersistentVolumeClaim %s: %w", name, err)
	}
	p.mem().claim = versioned[*corev1.PersistentVolumeClaim]{version, claim}
	return claim, nil
}

// checkTopology finds what contradicts itself before anything is changed.
func (p *pass) checkTopology() error {
	if conflict := p.server.Conflict(); conflict != "" {
		return conditions.Stalled(v1alpha1.ReasonTopologyConflict, "%s", conflict)
	}
	return nil
}
