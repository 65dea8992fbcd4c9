package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// remountedBy is how often the credentials of a bucket are mounted anew after a change. The change of a
// pod and that of the Secret reach the kubelet in no certain order, and no pod tells which
// credentials it has.
const remountedBy = 3

// credentialsMemory is about the Secret with the credentials of a bucket that a pod has mounted.
type credentialsMemory struct {
	version string // that the pod has, or is to have
	bumped  time.Time
	bumps   int // for that version
}

// renewCredentials has pods mount the credentials for a bucket anew when these have changed, which takes the
// kubelet a minute otherwise.
func (p *pass) renewCredentials(ctx context.Context) error {
	b := p.server.Spec.Storage.Bucket
	if b == nil || b.CredentialsSecretRef == nil {
		return nil
	}
	name := b.CredentialsSecretRef.Name
	version, err := p.version(ctx, secretKind, name)
	if err != nil || version == "" {
		return err
	}
	next := maps.Clone(p.mem().pods)
	var errs []error
	for i := range p.pods {
		pod := &p.pods[i]
		m, met := next[pod.UID]
		if !met || pod.Status.Phase != corev1.PodRunning || !mounts(pod, config.VolumeBucket, name) {
			continue
		}
		c := &m.credentials
		switch now := p.Clock.Now(); {
		case c.version == "": // mounted when the pod started, or before this operator did
			*c = credentialsMemory{version: version, bumps: remountedBy}
		case c.version != version:
			*c = credentialsMemory{version: version}
			fallthrough
		case c.bumps < remountedBy && now.Sub(c.bumped) >= bumpSoon<<c.bumps:
			c.bumped, c.bumps = now, c.bumps+1
			hash := config.Hash([]byte(version))[:16]
			errs = append(errs, p.bump(ctx, pod, fmt.Sprintf("credentials-%s.%d", hash, c.bumps)))
		}
		if c.bumps < remountedBy {
			p.again(bumpSoon << c.bumps)
		}
		next[pod.UID] = m
	}
	p.mem().pods = next
	return errors.Join(errs...)
}
