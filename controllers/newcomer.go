package controllers

import (
	"slices"
	"time"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// newcomersWait is how long a new server waits for the address of its balancer, at
// most, before it is given files and pods. The address is in its certificate, in its
// configuration and in the credentials of each user: one that arrives later has all of
// that written once more, and pods load it once more. Many balancers know the address
// within a second.
const newcomersWait = 2 * time.Second

// newcomerWaits says whether a server of which nothing was said yet waits for the
// address of its balancer. Another pass begins when it arrives.
func (p *pass) newcomerWaits() bool {
	wrong := len(p.errs) > 0 || slices.ContainsFunc(p.users, func(u *userState) bool { return len(u.errs) > 0 })
	if len(p.server.Status.Conditions) > 0 || wrong {
		return false
	}
	if p.server.Spec.Expose.Type != v1alpha1.ExposeLoadBalancer || len(p.server.Exposure.Addresses) > 0 {
		return false
	}
	m := p.mem()
	if m.waits.IsZero() {
		m.waits = p.Clock.Now()
	}
	left := newcomersWait - p.Clock.Since(m.waits)
	if left <= 0 {
		return false
	}
	p.again(left)
	return true
}
