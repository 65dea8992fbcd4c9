// Package scale has many FileServers in one real API server, with a small part in
// place of each of Kubernetes' own controllers.
package scale

import (
	"context"
	"errors"
	"fmt"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Cluster binds claims, gives addresses to balancers, starts the pods of Deployments
// and answers for them, as fast as it can.
type Cluster struct {
	client client.Client
	direct client.Reader

	mu        sync.Mutex
	addresses int // that were given away
	loaded    map[types.UID]loaded
	pods      map[string]types.UID // by their address
	users     map[string]usersFile // by namespace and name of the Secret
}

// usersFile is what was read of a Secret with users.
type usersFile struct{ version, hash string }

// loaded is what a pod has, and the refresh of its mounts since which it has it.
type loaded struct {
	config.Loaded
	refresh string
}

// AddCluster adds a cluster's controllers to a manager.
func AddCluster(mgr ctrl.Manager) (*Cluster, error) {
	c := &Cluster{
		client: mgr.GetClient(), direct: mgr.GetAPIReader(),
		loaded: map[types.UID]loaded{}, pods: map[string]types.UID{}, users: map[string]usersFile{},
	}
	yes := true
	options := controller.Options{MaxConcurrentReconciles: 8, SkipNameValidation: &yes}
	return c, errors.Join(
		ctrl.NewControllerManagedBy(mgr).For(&corev1.PersistentVolumeClaim{}).WithOptions(options).Complete(reconcile.Func(c.bind)),
		ctrl.NewControllerManagedBy(mgr).For(&corev1.Service{}).WithOptions(options).Complete(reconcile.Func(c.balance)),
		ctrl.NewControllerManagedBy(mgr).For(&appsv1.Deployment{}).WithOptions(options).Complete(reconcile.Func(c.deploy)),
		ctrl.NewControllerManagedBy(mgr).For(&corev1.Pod{}).WithOptions(options).Complete(reconcile.Func(c.run)),
	)
}

// written is the result of a reconciliation that wrote something, which another one
// may have written already.
func written(err error) (ctrl.Result, error) { return ctrl.Result{}, client.IgnoreNotFound(err) }

func (c *Cluster) bind(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	claim := &corev1.PersistentVolumeClaim{}
	if err := c.client.Get(ctx, req.NamespacedName, claim); err != nil || claim.Status.Phase == corev1.ClaimBound {
		return written(err)
	}
	claim.Status.Phase = corev1.ClaimBound
	return written(c.client.Status().Update(ctx, claim))
}

func (c *Cluster) balance(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	svc := &corev1.Service{}
	if err := c.client.Get(ctx, req.NamespacedName, svc); err != nil || svc.Spec.Type != corev1.ServiceTypeLoadBalancer || len(svc.Status.LoadBalancer.Ingress) > 0 {
		return written(err)
	}
	svc.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: c.address("203.0")}}
	return written(c.client.Status().Update(ctx, svc))
}

// address is one that no other pod or balancer has.
func (c *Cluster) address(prefix string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addresses++
	return fmt.Sprintf("%s.%d.%d", prefix, c.addresses>>8&255, c.addresses&255)
}

// deploy starts the pod of a Deployment, and ends it with the Deployment.
func (c *Cluster) deploy(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	d := &appsv1.Deployment{}
	if err := c.client.Get(ctx, req.NamespacedName, d); apierrors.IsNotFound(err) {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: req.Namespace, Name: req.Name + "-pod"}}
		return written(c.client.Delete(ctx, pod, client.GracePeriodSeconds(0)))
	} else if err != nil || d.Status.ObservedGeneration == d.Generation {
		return written(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: d.Namespace, Name: d.Name + "-pod",
		Labels: d.Spec.Template.Labels, Annotations: d.Spec.Template.Annotations,
	}, Spec: d.Spec.Template.Spec}
	if err := controllerutil.SetControllerReference(d, pod, c.client.Scheme()); err != nil {
		return ctrl.Result{}, err
	}
	if err := client.IgnoreAlreadyExists(c.client.Create(ctx, pod)); err != nil {
		return ctrl.Result{}, err
	}
	d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1}
	return written(c.client.Status().Update(ctx, d))
}

// run has a pod load its files and be ready.
func (c *Cluster) run(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pod := &corev1.Pod{}
	if err := c.client.Get(ctx, req.NamespacedName, pod); err != nil {
		return written(err)
	}
	if err := c.load(ctx, pod); err != nil || pod.Status.Phase == corev1.PodRunning {
		return ctrl.Result{}, err
	}
	ip := c.address("127.1") // at which [Pods] answer
	c.mu.Lock()
	c.pods[ip] = pod.UID
	c.mu.Unlock()
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: ip, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}}
	return written(c.client.Status().Update(ctx, pod))
}

// load has a pod load its files when it starts, and each time that its mounts are
// refreshed.
func (c *Cluster) load(ctx context.Context, pod *corev1.Pod) error {
	refresh := pod.Annotations[v1alpha1.AnnotationRefresh]
	c.mu.Lock()
	has, ok := c.loaded[pod.UID]
	c.mu.Unlock()
	if ok && has.refresh == refresh {
		return nil
	}
	files, err := c.files(ctx, pod)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loaded[pod.UID] = loaded{files, refresh}
	return nil
}

// files reads what a pod mounts.
func (c *Cluster) files(ctx context.Context, pod *corev1.Pod) (l config.Loaded, err error) {
	for _, v := range pod.Spec.Volumes {
		key := client.ObjectKey{Namespace: pod.Namespace}
		if v.ConfigMap != nil {
			cm := &corev1.ConfigMap{}
			key.Name = v.ConfigMap.Name
			if err := c.direct.Get(ctx, key, cm); err != nil {
				return l, err
			}
			l.Config = config.Hash([]byte(cm.Data[v.ConfigMap.Items[0].Key]))
		}
		if v.Projected != nil {
			if l.Users, err = c.usersFiles(ctx, pod.Namespace, v.Projected); err != nil {
				return l, err
			}
		}
		if v.Secret == nil {
			continue
		}
		secret := &corev1.Secret{}
		key.Name = v.Secret.SecretName
		if err := c.direct.Get(ctx, key, secret); err != nil {
			return l, err
		}
		switch v.Name {
		case config.VolumeTLS:
			leaf, err := resources.KeyPairFrom(secret.Data).Leaf()
			if err != nil {
				return l, err
			}
			l.TLS = resources.Fingerprint(leaf)
		case config.VolumeSSH:
			keys, err := resources.ReadHostKeys(secret.Data)
			if err != nil {
				return l, err
			}
			l.HostKeys = keys.Fingerprints()
		}
	}
	return l, nil
}

// usersFiles are the hashes of the files with users. Those that have not changed are
// not read again.
func (c *Cluster) usersFiles(ctx context.Context, namespace string, v *corev1.ProjectedVolumeSource) (map[string]string, error) {
	hashes := map[string]string{}
	for _, source := range v.Sources {
		key, item := client.ObjectKey{Namespace: namespace, Name: source.Secret.Name}, source.Secret.Items[0]
		is := &metav1.PartialObjectMetadata{}
		is.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		if err := c.direct.Get(ctx, key, is); err != nil {
			return nil, err
		}
		c.mu.Lock()
		known := c.users[key.String()]
		c.mu.Unlock()
		if known.version != is.ResourceVersion {
			secret := &corev1.Secret{}
			if err := c.direct.Get(ctx, key, secret); err != nil {
				return nil, err
			}
			known = usersFile{secret.ResourceVersion, config.Hash(secret.Data[item.Key])}
			c.mu.Lock()
			c.users[key.String()] = known
			c.mu.Unlock()
		}
		hashes[item.Path] = known.hash
	}
	return hashes, nil
}

// Loaded implements controllers.LoadedReader.
func (c *Cluster) Loaded(_ context.Context, pod *corev1.Pod) (config.Loaded, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.loaded[pod.UID]
	if !ok {
		return config.Loaded{}, errors.New("connection refused")
	}
	return l.Loaded, nil
}
