package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// After how long the mounts of a pod are refreshed once more. What came too early for
// the kubelet comes again, each time after twice as long.
const (
	bumpSoon  = 500 * time.Millisecond
	bumpLater = 4 * time.Second
	// How long after it was told of something else a pod may still load what it was
	// told of before.
	strays = 2 * time.Second
)

// bumpAfter is how long a pod has to load its files after they were refreshed so often.
func bumpAfter(bumps int) time.Duration { return min(bumpSoon<<min(bumps-1, 8), bumpLater) }

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
	known, next := p.mem().pods, map[types.UID]podMemory{}
	before := p.mem().wants
	p.mem().wants = p.wantsOfNewPods()
	var errs []error
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
		m, err := p.refreshPod(ctx, pod, m)
		next[pod.UID] = m
		errs = append(errs, err)
	}
	p.mem().pods = next
	p.asks.keep(client.ObjectKeyFromObject(p.server.FileServer), next)
	for i := range p.pods {
		if pod := &p.pods[i]; !terminating(pod) {
			errs = append(errs, notInForce(pod, next[pod.UID].loaded), p.notReached(pod, next[pod.UID]))
		}
		if p.progress == "" {
			p.progress = p.yetToLoad(&p.pods[i], next[p.pods[i].UID])
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
	case m.strayed || !p.shouldLoad(pod).configured(m.loaded):
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

// refreshPod has a pod asked what it has loaded, unless it has said that it has all,
// and has its mounts refreshed if it has not.
//
// What a pod says counts for what was wanted when it said so, and no longer: one that
// was told of a change which was then taken back may say that it has the old files
// and load the changed ones a moment later.
func (p *pass) refreshPod(ctx context.Context, pod *corev1.Pod, m podMemory) (podMemory, error) {
	files := mountedBy(&pod.Spec)
	if wants := p.wants(files); m.wants != wants {
		m.strayed, m.has = m.wants != "" && !m.has, false
		if m.nudged != p.usersWanted(files) || m.others != p.othersWanted(files) {
			m.bumps = 0
		}
		m.wants, m.others = wants, p.othersWanted(files)
	}
	if m.settled() {
		return m, nil
	}
	q := question{server: client.ObjectKeyFromObject(p.server.FileServer), pod: pod, should: p.shouldLoad(pod)}
	said, ok := p.asks.answer(ctx, q)
	if ok {
		m = p.hear(pod, m, said, q.should)
	}
	var err error
	if m.asked && m.err == nil && !m.has {
		all := q.should.met(m.loaded)
		if m.bumps == 0 || !all && ok && said.at.Sub(m.bumped) >= bumpAfter(m.bumps) {
			m.bumped, m.bumps = p.Clock.Now(), m.bumps+1
			err = p.bump(ctx, pod, fmt.Sprintf("%s.%d", m.wants, m.bumped.UnixMilli()))
		}
		if q.remind = m.bumped.Add(bumpAfter(m.bumps)); all {
			q.remind = m.bumped.Add(strays)
		}
	}
	if !m.settled() {
		p.asks.ask(q)
	}
	if left := silentFor - p.Clock.Since(m.silent); !m.silent.IsZero() && left > 0 {
		p.again(left) // to say that waiting does not help
	}
	return m, err
}

// hear takes down what a pod has said.
func (p *pass) hear(pod *corev1.Pod, m podMemory, said answer, should should) podMemory {
	if m.err = said.err; m.err != nil {
		switch serves := podReady(pod) && !terminating(pod); {
		case !serves:
			m.silent = time.Time{}
		case m.silent.IsZero():
			m.silent = p.Clock.Now()
		}
		return m
	}
	m.loaded, m.asked, m.silent = said.loaded, true, time.Time{}
	m.has = should.met(said.loaded) && (!m.strayed || m.bumps > 0 && said.at.Sub(m.bumped) >= strays)
	if m.has {
		m.strayed, m.nudged = false, p.usersWanted(mountedBy(&pod.Spec))
	}
	return m
}

// mayChangeByItself says whether a pod may tell something else after a while, though nothing was
// changed that the operator sees.
func mayChangeByItself(l config.Loaded) bool {
	return len(l.Denied) > 0 || l.Bucket != nil || l.Events != nil
}

// settled says whether a pod need not be asked.
func (m *podMemory) settled() bool {
	return m.has && m.err == nil && !m.loaded.Looking && !mayChangeByItself(m.loaded)
}

// shouldLoad is what a pod should have loaded.
func (p *pass) shouldLoad(pod *corev1.Pod) should {
	files := mountedBy(&pod.Spec)
	s := should{id: p.wants(files), config: p.wanted.config[files.entry], users: p.wanted.users[files.shards]}
	if mounts(pod, config.VolumeTLS, p.server.TLSSecret()) {
		s.tls = p.tls.fingerprint()
	}
	if len(p.hostKeys.Files) > 0 && mounts(pod, config.VolumeSSH, p.server.HostKeysSecret()) {
		s.hostKeys = p.hostKeys.Fingerprints()
	}
	return s
}

// unheard says whether a pod that serves was asked nothing yet: an operator that has
// just started would say of it that nothing is known.
func (p *pass) unheard() bool {
	return slices.ContainsFunc(p.pods, func(pod corev1.Pod) bool {
		m, asks := p.mem().pods[pod.UID]
		return asks && !m.asked && m.err == nil && podReady(&pod) && !terminating(&pod)
	})
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
