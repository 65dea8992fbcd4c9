package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// How soon a pod is asked again, at first and later, and after how long its
// mounts are refreshed once more.
const (
	askSoon   = 200 * time.Millisecond
	askLater  = 5 * time.Second
	bumpAgain = 2 * time.Second
	// Attempts after which a pod is asked less often.
	patience = 25
)

// refreshPods sees to it that every pod loads what is mounted. The kubelet
// refreshes mounts about once a minute, and at once when a pod changes: so an
// annotation of the pod is changed. That, and the change of the file, reach the
// kubelet in no certain order, so a pod that still has the old file is bumped
// again.
func (p *pass) refreshPods(ctx context.Context) error {
	known := p.mem().pods
	var mu sync.Mutex
	next := map[types.UID]podMemory{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range p.pods {
		pod := &p.pods[i]
		if pod.Status.Phase != corev1.PodRunning || pod.Status.PodIP == "" {
			continue
		}
		m := known[pod.UID]
		group.Go(func() error {
			m, err := p.refreshPod(ctx, pod, m)
			mu.Lock()
			defer mu.Unlock()
			next[pod.UID] = m
			return err
		})
	}
	err := group.Wait()
	p.mem().pods = next
	for _, m := range next {
		switch {
		case m.asked && m.err == nil && m.attempts == 0:
		case m.attempts <= patience:
			p.again(askSoon)
		default:
			p.again(askLater)
		}
	}
	return err
}

// refreshPod asks a pod what it has loaded, unless it is known to have all,
// and has its mounts refreshed if it has not.
func (p *pass) refreshPod(ctx context.Context, pod *corev1.Pod, m podMemory) (podMemory, error) {
	if m.asked && m.err == nil && p.hasAll(pod, m.loaded) {
		return m, nil
	}
	loaded, err := p.Pods.Loaded(ctx, pod)
	if m.err = err; err != nil {
		m.attempts++
		return m, nil
	}
	m.loaded, m.asked = loaded, true
	if p.hasAll(pod, loaded) {
		m.attempts = 0
		return m, nil
	}
	if wants := p.wants(pod); m.wants != wants {
		m.wants, m.attempts, m.bumped = wants, 0, time.Time{}
	}
	now := p.Clock.Now()
	m.attempts++
	if now.Sub(m.bumped) < bumpAgain {
		return m, nil
	}
	m.bumped = now
	return m, p.bump(ctx, pod, fmt.Sprintf("%s.%d", m.wants, m.attempts))
}

// hasAll says whether a pod has loaded what it should. A pod that has not
// reported a users' file yet lacks it.
func (p *pass) hasAll(pod *corev1.Pod, loaded config.Loaded) bool {
	want, known := p.wanted.config[configKey(&pod.Spec)]
	return (!known || loaded.Config == want) &&
		(p.wanted.users == "" || loaded.Users == p.wanted.users) &&
		(p.tls.leaf == nil || !mountsTLS(pod, p.server.TLSSecret()) || loaded.TLS == p.tls.fingerprint())
}

// wants identifies what a pod should load.
func (p *pass) wants(pod *corev1.Pod) string {
	all := p.wanted.config[configKey(&pod.Spec)] + p.wanted.users + p.tls.fingerprint()
	return config.Hash([]byte(all))[:16]
}

func mountsTLS(pod *corev1.Pod, secret string) bool {
	for _, v := range pod.Spec.Volumes {
		if v.Name == config.VolumeTLS && v.Secret != nil {
			return v.Secret.SecretName == secret
		}
	}
	return false
}

// bump changes an annotation of the pod, which makes its kubelet refresh what
// is mounted.
func (p *pass) bump(ctx context.Context, pod *corev1.Pod, value string) error {
	patch := corev1ac.Pod(pod.Name, pod.Namespace).
		WithUID(pod.UID). // never another pod of the same name
		WithAnnotations(map[string]string{v1alpha1.AnnotationRefresh: value})
	if err := p.Apply(ctx, patch, FieldOwner, client.ForceOwnership); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("refreshing pod %s: %w", pod.Name, err)
	}
	return nil
}

// loadedBy says of a user whether all pods that serve have loaded it as it is
// described, and what is in the way.
func (p *pass) loadedBy(u *userState) *problem {
	serving := 0
	for i := range p.pods {
		pod := &p.pods[i]
		if terminating(pod) || !podReady(pod) {
			continue
		}
		serving++
		m := p.mem().pods[pod.UID]
		switch {
		case m.err != nil:
			return waiting(v1alpha1.ReasonLoading, "The pod %q does not say what it has loaded; the operator must be able to reach its port %d: %v.", pod.Name, config.PortHTTP, m.err)
		case m.asked && m.loaded.Users == p.wanted.users:
		case m.asked && p.mem().files[m.loaded.Users][u.account.Name] == u.entry:
			// An older file in which this user was the same.
		case m.loaded.Error != "":
			return stalled(v1alpha1.ReasonConfigurationRefused, "The pod %q refuses a file: %s.", pod.Name, m.loaded.Error)
		default:
			return waiting(v1alpha1.ReasonLoading, "The pod %q has not loaded the user yet.", pod.Name)
		}
	}
	if serving == 0 {
		return waiting(v1alpha1.ReasonServerNotReady, "No pod of the FileServer %q serves yet.", p.server.Name)
	}
	return nil
}
