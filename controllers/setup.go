package controllers

import (
	"cmp"
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// Options is what the operator can be told.
type Options struct {
	// Image is the server's, where a FileServer names none.
	Image string
	// MetricsNamespaces are those whose pods may read the metrics of servers, the
	// operator's own among them; none: all.
	MetricsNamespaces []string
	// PullSecrets are those with which every server's image is pulled.
	PullSecrets []string
	// ClusterDomain ends the names of Services.
	ClusterDomain string
	// Namespaces to care for; none: all.
	Namespaces []string
	// RollingServers is how many servers get new pods at a time after an upgrade of the
	// operator; default DefaultRollingServers.
	RollingServers int
	// NoNodePorts is true if the balancers of the cluster need no node ports. Services
	// then get some only where a FileServer asks for them.
	NoNodePorts bool
	// WithoutNodes is true if the operator may not see nodes. It then does not know
	// which of them are about to go, and knows them by their internal addresses.
	WithoutNodes bool
	// Workers is how many servers are reconciled at once; default 4.
	Workers int
	// Pods asks pods what they have loaded; default over HTTP. If it is an ActivityReader
	// too, what users do is in their status.
	Pods LoadedReader
	// Clock tells the time; default the machine's.
	Clock clock.PassiveClock
	// SkipNameValidation allows several managers in one process.
	SkipNameValidation *bool
}

// CacheOptions keep in memory only what is the operator's, in the namespaces;
// none: in all.
func CacheOptions(namespaces ...string) cache.Options {
	managed := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{v1alpha1.LabelManaged: v1alpha1.LabelTrue})}
	return cache.Options{
		DefaultTransform:  cache.TransformStripManagedFields(),
		DefaultNamespaces: namespaceConfigs(namespaces),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}:                managed,
			&corev1.ConfigMap{}:             managed,
			&corev1.Service{}:               managed,
			&corev1.Pod{}:                   managed,
			&corev1.PersistentVolumeClaim{}: managed,
			&appsv1.Deployment{}:            managed,
			&policyv1.PodDisruptionBudget{}: managed,
			&networkingv1.NetworkPolicy{}:   managed,
			&corev1.Node{}:                  {Transform: slimNode},
		},
	}
}

func namespaceConfigs(namespaces []string) map[string]cache.Config {
	if len(namespaces) == 0 {
		return nil
	}
	m := map[string]cache.Config{}
	for _, n := range namespaces {
		m[n] = cache.Config{}
	}
	return m
}

// slimNode keeps of a node what the operator reads.
func slimNode(obj any) (any, error) {
	n, ok := obj.(*corev1.Node)
	if !ok {
		return obj, nil
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, UID: n.UID, ResourceVersion: n.ResourceVersion},
		Spec:       corev1.NodeSpec{Unschedulable: n.Spec.Unschedulable, Taints: drainTaints(n.Spec.Taints)},
		Status:     corev1.NodeStatus{Addresses: n.Status.Addresses},
	}, nil
}

// drainTaints are those of a node's taints that say that it goes.
func drainTaints(all []corev1.Taint) (drain []corev1.Taint) {
	for _, t := range all {
		if resources.IsDrainTaint(t) {
			drain = append(drain, corev1.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect})
		}
	}
	return drain
}

// Clients are the ways to the cluster.
type Clients struct {
	// Cached reads from a cache of what is the operator's.
	Cached client.Client
	// Direct reads from the API server itself.
	Direct client.Reader
	// Others is a cache of the metadata of what is not the operator's.
	Others client.Reader
	Events events.EventRecorder

	certManager *certManager // nil: the cluster has none
}

// New returns the operator's reconciler.
func New(c Clients, o Options) *FileServerReconciler {
	if c.certManager == nil {
		c.certManager = &certManager{known: true}
	}
	r := &FileServerReconciler{
		Client:            c.Cached,
		Direct:            c.Direct,
		Metadata:          c.Others,
		Events:            c.Events,
		Clock:             o.Clock,
		Pods:              o.Pods,
		Image:             o.Image,
		PullSecrets:       o.PullSecrets,
		MetricsNamespaces: o.MetricsNamespaces,
		ClusterDomain:     o.ClusterDomain,
		WithoutNodes:      o.WithoutNodes,
		NoNodePorts:       o.NoNodePorts,
		certManager:       c.certManager,
		hostKeyMaker:      newHostKeyMaker(newRSAKey),
		memory:            newMemory(),
	}
	if r.Clock == nil {
		r.Clock = clock.RealClock{}
	}
	r.pace = newPace(cmp.Or(o.RollingServers, DefaultRollingServers), r.Clock)
	if r.Pods == nil {
		r.Pods = NewPodHTTP()
	}
	r.asks = askAtOnce{r}
	if r.ClusterDomain == "" {
		r.ClusterDomain = "cluster.local"
	}
	return r
}

// Add adds the operator's reconciler to a manager made with CacheOptions.
func Add(ctx context.Context, mgr ctrl.Manager, o Options) error {
	if err := addIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	others, err := metadataCache(mgr, o.Namespaces)
	if err != nil {
		return err
	}
	certManager, err := newCertManager(mgr, o.Namespaces)
	if err != nil {
		return err
	}
	r := New(Clients{
		Cached:      mgr.GetClient(),
		Direct:      mgr.GetAPIReader(),
		Others:      others,
		Events:      mgr.GetEventRecorder("fileserver-operator"),
		certManager: certManager,
	}, o)
	r.changes, r.echoes = newChanges(), newEchoes()
	prober := newProber(r.Pods, r.Clock, clock.RealClock{})
	r.asks = prober
	if err := mgr.Add(manager.RunnableFunc(prober.run)); err != nil {
		return fmt.Errorf("adding the prober of pods: %w", err)
	}
	if err := mgr.Add(manager.RunnableFunc(r.hostKeyMaker.run)); err != nil {
		return fmt.Errorf("adding the maker of host keys: %w", err)
	}
	if pods, ok := r.Pods.(ActivityReader); ok {
		if err := mgr.Add(&ActivityWatch{Client: r.Client, Pods: pods, Clock: r.Clock}); err != nil {
			return fmt.Errorf("adding the watch on what users do: %w", err)
		}
	}
	return r.watch(mgr, others, prober.wake, o)
}

// metadataCache watches the metadata of Secrets, ConfigMaps and claims that are
// not the operator's: users may name any of them.
func metadataCache(mgr ctrl.Manager, namespaces []string) (cache.Cache, error) {
	foreign, err := labels.NewRequirement(v1alpha1.LabelManaged, selection.DoesNotExist, nil)
	if err != nil {
		return nil, err
	}
	c, err := cache.New(mgr.GetConfig(), cache.Options{
		Scheme:               mgr.GetScheme(),
		Mapper:               mgr.GetRESTMapper(),
		DefaultNamespaces:    namespaceConfigs(namespaces),
		DefaultLabelSelector: labels.NewSelector().Add(*foreign),
		DefaultTransform:     slimMetadata,
	})
	if err != nil {
		return nil, fmt.Errorf("making the cache of metadata: %w", err)
	}
	return c, mgr.Add(c)
}

// slimMetadata keeps of an object what identifies its content.
func slimMetadata(obj any) (any, error) {
	m, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return obj, nil
	}
	return &metav1.PartialObjectMetadata{
		TypeMeta:   m.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion},
	}, nil
}

func (r *FileServerReconciler) watch(mgr ctrl.Manager, others cache.Cache, answered chan event.TypedGenericEvent[types.NamespacedName], o Options) error {
	workers := o.Workers
	if workers == 0 {
		workers = 4
	}
	b := ctrl.NewControllerManagedBy(mgr).
		Named("fileserver").
		For(&v1alpha1.FileServer{}, specChanges()). // for what is logged; the watch below has the priority
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			SkipNameValidation:      o.SkipNameValidation,
			// Such as when a status cannot be written.
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](5*time.Millisecond, time.Minute),
		}).
		Watches(&v1alpha1.FileServer{}, enqueueAt(priorityNew, priorityChange, &handler.EnqueueRequestForObject{}), specChanges()).
		Watches(&v1alpha1.FileServerUser{}, enqueueAt(priorityNew, priorityChange, handler.EnqueueRequestsFromMapFunc(r.serverOfUser)), specChanges()).
		Watches(&corev1.Pod{}, underWay(r.serverOfPod), podChanges()).
		Watches(&corev1.Secret{}, underWay(r.serverOfSecret), r.echoes.changes(&corev1.Secret{}))
	if !o.WithoutNodes {
		b.Watches(&corev1.Node{}, underWay(r.serversOnNode), nodeChanges())
	}
	for _, obj := range []client.Object{
		&corev1.ConfigMap{}, &corev1.Service{}, &corev1.PersistentVolumeClaim{},
		&appsv1.Deployment{}, &policyv1.PodDisruptionBudget{}, &networkingv1.NetworkPolicy{},
	} {
		b.Watches(obj, underWay(serverByLabel), r.echoes.changes(obj))
	}
	for kind, index := range map[schema.GroupVersionKind]string{secretKind: indexSecrets, configMapKind: indexConfigMaps, claimKind: indexClaims} {
		m := &metav1.PartialObjectMetadata{}
		m.SetGroupVersionKind(kind)
		b.WatchesRawSource(source.Kind(others, m, enqueueAt(priorityUnderWay, priorityChange, handler.TypedEnqueueRequestsFromMapFunc(
			func(ctx context.Context, m *metav1.PartialObjectMetadata) []reconcile.Request {
				return r.serversNaming(ctx, index, m)
			}))))
	}
	b.WatchesRawSource(source.TypedFunc[reconcile.Request](func(ctx context.Context, _ workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		return r.pace.resume(ctx, r.Client)
	}))
	for _, wake := range []chan event.TypedGenericEvent[types.NamespacedName]{r.pace.wake, r.hostKeyMaker.wake, answered} {
		b.WatchesRawSource(source.Channel(wake, handler.TypedFuncs[types.NamespacedName, reconcile.Request]{
			GenericFunc: func(_ context.Context, e event.TypedGenericEvent[types.NamespacedName], q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
				prioritized(q, priorityUnderWay).Add(reconcile.Request{NamespacedName: e.Object})
			},
		}))
	}
	c, err := b.Build(r)
	if err != nil {
		return err
	}
	return r.certManager.watch(mgr, c)
}
