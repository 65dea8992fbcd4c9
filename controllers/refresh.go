package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// How soon a pod is asked again, at first and later, and after how long its
// mounts are refreshed once more.
const (
	askSoon  = 200 * time.Millisecond
	askLater = 5 * time.Second
	// What came too early for the kubelet comes again, each time after twice as long.
	bumpSoon  = 500 * time.Millisecond
	bumpLater = 4 * time.Second
	// How long after it was told of something else a pod may still load what it was
	// told of before.
	strays = 2 * time.Second
	// A pod that may not use a folder, or delivers events, is asked again: what somebody
	// changes on the volume, or at the receiver, tells nobody.
	askDenied = time.Minute
	// Attempts after which a pod is asked less often.
	patience = 25
)

// nudgePods has the pods look at the users' file before any other step is
// gone through, if it is another one than they were last told of. It asks
// nothing and waits for nothing; refreshPods sees to the rest.
func (p *pass) nudgePods(ctx context.Context) error {
	known := p.mem().pods
	next := maps.Clone(known)
	var errs []error
	for i := range p.pods {
		pod := &p.pods[i]
		m, users := known[pod.UID], p.usersWanted(mountedBy(&pod.Spec))
		if !m.asked || m.nudged == users || users == "" {
			continue
		}
		m.nudged, m.bumped, m.bumps = users, p.Clock.Now(), 1
		next[pod.UID] = m
		errs = append(errs, p.bump(ctx, pod, "users-"+users))
	}
	p.mem().pods = next
	return errors.Join(errs...)
}

// refreshPods sees to it that every pod loads what is mounted. The kubelet
// refreshes mounts about once a minute, and at once when a pod changes: so an
// annotation of the pod is changed. That, and the change of the file, reach the
// kubelet in no certain order, so a pod that still has the old file is bumped
// again.
func (p *pass) refreshPods(ctx context.Context) error {
	known := p.mem().pods
	var mu sync.Mutex
	next := map[types.UID]podMemory{}
	before := p.mem().wants
	p.mem().wants = p.wantsOfNewPods()
	var errs []error
	var group sync.WaitGroup
	turns := make(chan struct{}, parallel)
	for i := range p.pods {
		pod := &p.pods[i]
		if pod.Status.Phase != corev1.PodRunning || pod.Status.PodIP == "" {
			continue
		}
		m, met := known[pod.UID]
		if files := mountedBy(&pod.Spec); !met && before[files] == p.wants(files) {
			// The files are older than the pod, so its start was as good as a refresh.
			m.wants, m.others, m.bumped, m.bumps = p.wants(files), p.othersWanted(files), p.Clock.Now(), 1
		}
		turns <- struct{}{}
		group.Go(func() {
			defer func() { <-turns }()
			m, err := p.refreshPod(ctx, pod, m)
			mu.Lock()
			defer mu.Unlock()
			next[pod.UID] = m
			errs = append(errs, err)
		})
	}
	group.Wait()
	p.mem().pods = next
	for i := range p.pods {
		if pod := &p.pods[i]; !terminating(pod) {
			errs = append(errs, notInForce(pod, next[pod.UID].loaded), p.notReached(pod, next[pod.UID]))
		}
		if p.progress == "" {
			p.progress = p.yetToLoad(&p.pods[i], next[p.pods[i].UID])
		}
	}
	for _, m := range next {
		if mayChangeByItself(m.loaded) {
			p.again(askDenied)
		}
		switch {
		case m.asked && m.err == nil && m.attempts == 0:
		case m.attempts <= patience:
			p.again(askSoon)
		default:
			p.again(askLater)
		}
	}
	return errors.Join(errs...)
}

// yetToLoad says that what is declared is not in force in a pod yet, or that this is
// not known. Users have conditions of their own.
func (p *pass) yetToLoad(pod *corev1.Pod, m podMemory) string {
	switch {
	case pod.Status.PodIP == "" || !podReady(pod) && !terminating(pod):
		return "" // it has been waited for anyway
	case p.unreachable(pod, m):
		return "" // waiting does not help
	case !m.asked || m.err != nil:
		if terminating(pod) {
			return "" // it has ended, most likely
		}
		return fmt.Sprintf("The pod %q does not say whether it has the configuration in force; the operator must be able to reach its port %d.", pod.Name, resources.PodMetricsPort(&pod.Spec))
	case m.strayed || !p.hasConfig(pod, m.loaded):
		return fmt.Sprintf("The pod %q does not have the newest configuration in force yet.", pod.Name)
	}
	return ""
}

// notInForce tells of a protocol by which nobody can log in to a pod.
func notInForce(pod *corev1.Pod, loaded config.Loaded) error {
	for _, l := range loaded.Listeners {
		if l.Error != "" {
			return conditions.Stalled(v1alpha1.ReasonConfigurationRefused, "Nobody can log in to the pod %q by %s: %s.", pod.Name, l.Name, conditions.Cut(l.Error))
		}
	}
	return nil
}

// refreshPod asks a pod what it has loaded, unless it has said that it has all,
// and has its mounts refreshed if it has not.
//
// What a pod says counts for what was wanted when it said so, and no longer: one that
// was told of a change which was then taken back may say that it has the old files
// and load the changed ones a moment later.
func (p *pass) refreshPod(ctx context.Context, pod *corev1.Pod, m podMemory) (podMemory, error) {
	files := mountedBy(&pod.Spec)
	wants := p.wants(files)
	if m.has && m.wants == wants && m.err == nil && !m.loaded.Looking && !p.denialIsOld(m) {
		return m, nil
	}
	loaded, err := p.Pods.Loaded(ctx, pod)
	if m.err = err; err != nil {
		m.attempts++
		switch serves := podReady(pod) && !terminating(pod); {
		case !serves:
			m.silent = time.Time{}
		case m.silent.IsZero():
			m.silent = p.Clock.Now()
		}
		return m, nil
	}
	now := p.Clock.Now()
	m.loaded, m.asked, m.at, m.silent = loaded, true, now, time.Time{}
	if m.wants != wants {
		m.strayed = m.wants != "" && !m.has
		if m.nudged != p.usersWanted(files) || m.others != p.othersWanted(files) {
			m.bumps = 0
		}
		m.wants, m.others, m.attempts = wants, p.othersWanted(files), 0
	}
	all := p.hasAll(pod, loaded)
	m.has = all && (!m.strayed || m.bumps > 0 && now.Sub(m.bumped) >= strays)
	if m.has {
		m.strayed, m.nudged = false, p.usersWanted(files)
		if !loaded.Looking {
			m.attempts = 0
			return m, nil
		}
	}
	m.attempts++
	if m.bumps > 0 && (all || now.Sub(m.bumped) < min(bumpSoon<<(m.bumps-1), bumpLater)) || m.has {
		return m, nil // it will have more, or know more
	}
	m.bumped, m.bumps = now, min(m.bumps+1, 8)
	return m, p.bump(ctx, pod, fmt.Sprintf("%s.%d", m.wants, m.attempts))
}

// denialIsOld says whether a pod could not use a folder so long ago that it may
// be another answer now.
func (p *pass) denialIsOld(m podMemory) bool {
	return mayChangeByItself(m.loaded) && p.Clock.Since(m.at) >= askDenied
}

// mayChangeByItself says whether a pod may tell something else after a while, though nothing was
// changed that the operator sees.
func mayChangeByItself(l config.Loaded) bool {
	return len(l.Denied) > 0 || l.Bucket != nil || l.Events != nil
}

// hasAll says whether a pod has loaded what it should. A pod that has not
// reported a file with users yet lacks it.
func (p *pass) hasAll(pod *corev1.Pod, loaded config.Loaded) bool {
	for name, hash := range p.wanted.users[mountedBy(&pod.Spec).shards] {
		if loaded.Users[name] != hash {
			return false
		}
	}
	return p.hasConfig(pod, loaded)
}

// hasConfig says so of all but the users.
func (p *pass) hasConfig(pod *corev1.Pod, loaded config.Loaded) bool {
	want, known := p.wanted.config[configKey(&pod.Spec)]
	return (!known || loaded.Config == want) &&
		(p.tls.leaf == nil || !mounts(pod, config.VolumeTLS, p.server.TLSSecret()) || loaded.TLS == p.tls.fingerprint()) &&
		(len(p.hostKeys.Files) == 0 || !mounts(pod, config.VolumeSSH, p.server.HostKeysSecret()) || slices.Equal(loaded.HostKeys, p.hostKeys.Fingerprints()))
}

// mounted is what decides which files a pod mounts.
type mounted struct {
	entry  string // of the ConfigMap
	shards int    // in which it has the users
}

func mountedBy(pod *corev1.PodSpec) mounted {
	return mounted{configKey(pod), resources.MountedShards(pod)}
}

// wants identifies what a pod should load.
func (p *pass) wants(m mounted) string {
	return config.Hash([]byte(p.othersWanted(m) + p.usersWanted(m)))[:16]
}

// usersWanted identifies what it should load of the users; "" if nothing is known to
// be there.
func (p *pass) usersWanted(m mounted) string {
	files := p.wanted.users[m.shards]
	if len(files) == 0 {
		return ""
	}
	var all strings.Builder
	for i := range m.shards {
		all.WriteString(files[config.UsersFileOf(i, m.shards)])
	}
	return config.Hash([]byte(all.String()))[:16]
}

// othersWanted identifies what it should load besides the users.
func (p *pass) othersWanted(m mounted) string {
	return p.wanted.config[m.entry] + p.tls.fingerprint() + strings.Join(p.hostKeys.Fingerprints(), " ")
}

// wantsOfNewPods is what pods find that start from now on.
func (p *pass) wantsOfNewPods() map[mounted]string {
	wants := map[mounted]string{}
	for entry := range p.wanted.config {
		m := mounted{entry, p.server.UserShards}
		wants[m] = p.wants(m)
	}
	return wants
}

// mounts says whether a volume of the pod is that Secret.
func mounts(pod *corev1.Pod, volume, secret string) bool {
	for _, v := range pod.Spec.Volumes {
		if v.Name == volume && v.Secret != nil {
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
