package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// reconcileClaim sees to the volume, and finds out whether it ties pods to one
// node.
func (p *pass) reconcileClaim(ctx context.Context) error {
	s := &p.server
	name := s.ClaimInUse()
	if name == "" {
		return nil
	}
	claim := &corev1.PersistentVolumeClaim{}
	key := client.ObjectKey{Namespace: s.Namespace, Name: name}
	err := p.Get(ctx, key, claim)
	if apierrors.IsNotFound(err) {
		err = p.Direct.Get(ctx, key, claim)
	}
	switch {
	case err == nil:
		p.claim = claim
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("reading claim %s: %w", name, err)
	}
	want := s.Spec.Storage.WantedClaim()
	if want == nil {
		if p.claim == nil {
			p.blocked = true
			p.report(waiting(v1alpha1.ReasonClaimNotFound, "The PersistentVolumeClaim %q in storage.existingClaim does not exist: create it, or name another one.", name))
			return nil
		}
		s.OneNode = resources.OneNode(p.claim.Spec.AccessModes)
		return nil
	}
	s.OneNode = resources.OneNode(resources.WantedModes(want))
	if p.claim != nil {
		s.OneNode = resources.OneNode(p.claim.Spec.AccessModes)
		if !p.claim.DeletionTimestamp.IsZero() {
			p.report(waiting(v1alpha1.ReasonClaimPending, "The PersistentVolumeClaim %q is being deleted; a new, empty one is made when it has gone.", name))
			return nil
		}
	}
	return p.put(ctx, s.Claim(p.claim))
}

// checkTopology finds what contradicts itself before anything is changed.
func (p *pass) checkTopology(context.Context) error {
	if conflict := p.server.Conflict(); conflict != "" {
		p.blocked = true
		p.report(stalled(v1alpha1.ReasonTopologyConflict, "%s", conflict))
	}
	return nil
}

// onePod says whether the volume takes one pod at a time.
func (p *pass) onePod() bool {
	if p.claim != nil {
		return resources.OnePod(p.claim.Spec.AccessModes)
	}
	if want := p.server.Spec.Storage.WantedClaim(); want != nil {
		return resources.OnePod(resources.WantedModes(want))
	}
	return false
}
