package controllers_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// cluster plays the part of kubelets and of Kubernetes' own controllers in one
// namespace, one deliberate step at a time.
type cluster struct {
	t  *testing.T
	ns string
}

// newNode makes a node, unless it exists.
func newNode(t *testing.T, name, ip string) {
	t.Helper()
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := api.Create(t.Context(), n); err != nil {
		if apierrors.IsAlreadyExists(err) {
			return
		}
		t.Fatal(err)
	}
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: ip}}
	if err := api.Status().Update(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

// cordon lets a node take no more pods, until the test has ended: the node may
// be there for a second run of the test.
func cordon(t *testing.T, name string) {
	t.Helper()
	node := &corev1.Node{}
	node.Name = name
	change(t, node, func() { node.Spec.Unschedulable = true })
}

// taint gives a node a taint, until the test has ended.
func taint(t *testing.T, name, key string) {
	t.Helper()
	node := &corev1.Node{}
	node.Name = name
	change(t, node, func() {
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule})
	})
}

// change changes a node, and deletes it when the test has ended.
func change(t *testing.T, node *corev1.Node, how func()) {
	t.Helper()
	update(t, node, how)
	t.Cleanup(func() {
		if err := api.Delete(context.Background(), node); err != nil {
			t.Error(err)
		}
	})
}

// deployment waits for a Deployment.
func (c cluster) deployment(name string) *appsv1.Deployment {
	c.t.Helper()
	return get(c.t, c.ns, name, &appsv1.Deployment{})
}

// pod starts the pod of a Deployment; it does not serve yet.
func (c cluster) pod(deployment, nodeName string) *corev1.Pod {
	c.t.Helper()
	return c.podOf(c.deployment(deployment), nodeName)
}

// podOf starts a pod of a Deployment that may have gone since it was read.
func (c cluster) podOf(d *appsv1.Deployment, nodeName string) *corev1.Pod {
	c.t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.ns, GenerateName: d.Name + "-",
			Labels: d.Spec.Template.Labels, Annotations: d.Spec.Template.Annotations,
		},
		Spec: d.Spec.Template.Spec,
	}
	pod.Spec.NodeName = nodeName
	create(c.t, pod)
	return pod
}

// status changes the status of a pod.
func (c cluster) status(pod *corev1.Pod, change func(*corev1.PodStatus)) {
	c.t.Helper()
	eventually(c.t, func() error {
		if err := api.Get(c.t.Context(), client.ObjectKeyFromObject(pod), pod); err != nil {
			return err
		}
		change(&pod.Status)
		return api.Status().Update(c.t.Context(), pod)
	})
}

// serve makes a pod ready, with all files loaded.
func (c cluster) serve(pod *corev1.Pod) {
	c.t.Helper()
	was := pod.DeepCopy() // the test changes its own
	pods.answer(pod, func() (config.Loaded, error) { return c.newest(was) })
	c.status(pod, func(s *corev1.PodStatus) {
		h := fnv.New32a()
		_, _ = h.Write([]byte(pod.UID))
		s.Phase = corev1.PodRunning
		s.PodIP = fmt.Sprintf("198.18.%d.%d", h.Sum32()>>8&255, h.Sum32()&255)
		s.PodIPs = []corev1.PodIP{{IP: s.PodIP}}
		s.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	})
}

// bind gives a claim a volume.
func (c cluster) bind(name string) {
	c.t.Helper()
	claim := get(c.t, c.ns, name, &corev1.PersistentVolumeClaim{})
	eventually(c.t, func() error {
		if err := api.Get(c.t.Context(), client.ObjectKeyFromObject(claim), claim); err != nil {
			return err
		}
		claim.Status.Phase = corev1.ClaimBound
		return api.Status().Update(c.t.Context(), claim)
	})
}

// start runs and readies the pod of a Deployment.
func (c cluster) start(deployment, nodeName string) *corev1.Pod {
	c.t.Helper()
	pod := c.pod(deployment, nodeName)
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			c.bind(v.PersistentVolumeClaim.ClaimName)
		}
	}
	c.serve(pod)
	return pod
}

// newest is what a pod reports that has loaded the files as they are now.
func (c cluster) newest(pod *corev1.Pod) (config.Loaded, error) {
	ctx := context.Background()
	name := pod.Labels[v1alpha1.LabelServer]
	var loaded config.Loaded
	var tls corev1.Secret
	var cm corev1.ConfigMap
	if err := api.Get(ctx, client.ObjectKey{Namespace: c.ns, Name: name + "-config"}, &cm); err != nil {
		return loaded, err
	}
	for _, v := range pod.Spec.Volumes {
		switch {
		case v.Projected != nil:
			loaded.Users = map[string]string{}
			for _, source := range v.Projected.Sources {
				var users corev1.Secret
				if err := api.Get(ctx, client.ObjectKey{Namespace: c.ns, Name: source.Secret.Name}, &users); err != nil {
					return loaded, err
				}
				item := source.Secret.Items[0]
				loaded.Users[item.Path] = config.Hash(users.Data[item.Key])
			}
		case v.Name == config.VolumeConfig:
			loaded.Config = config.Hash([]byte(cm.Data[v.ConfigMap.Items[0].Key]))
		case v.Name == config.VolumeTLS:
			if err := api.Get(ctx, client.ObjectKey{Namespace: c.ns, Name: v.Secret.SecretName}, &tls); err != nil {
				return loaded, err
			}
			loaded.TLS = fingerprint(tls.Data[config.TLSCertFile])
		case v.Name == config.VolumeSSH:
			var ssh corev1.Secret
			if err := api.Get(ctx, client.ObjectKey{Namespace: c.ns, Name: v.Secret.SecretName}, &ssh); err != nil {
				return loaded, err
			}
			keys, err := resources.ReadHostKeys(ssh.Data)
			if err != nil {
				return loaded, err
			}
			loaded.HostKeys = keys.Fingerprints()
		}
	}
	return loaded, nil
}

// address gives the Service an address, as a balancer does.
func (c cluster) address(service, ip string) {
	c.t.Helper()
	svc := get(c.t, c.ns, service, &corev1.Service{})
	eventually(c.t, func() error {
		if err := api.Get(c.t.Context(), client.ObjectKeyFromObject(svc), svc); err != nil {
			return err
		}
		svc.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: ip}}
		return api.Status().Update(c.t.Context(), svc)
	})
}

// end lets a pod begin to end. It stays until it is gone.
func (c cluster) end(pod *corev1.Pod) {
	c.t.Helper()
	if err := api.Delete(c.t.Context(), pod); err != nil {
		c.t.Fatal(err)
	}
}

// gone lets a pod be gone. It has ended by then, as its kubelet says first: else the API
// server lets everybody see for a moment that it is about to end, and an operator that
// looks just then has the Deployment make way for one in another slot.
func (c cluster) gone(pod *corev1.Pod) {
	c.t.Helper()
	ended := client.RawPatch(types.MergePatchType, []byte(`{"status":{"phase":"Failed"}}`))
	if err := api.Status().Patch(c.t.Context(), pod.DeepCopy(), ended); client.IgnoreNotFound(err) != nil {
		c.t.Fatal(err)
	}
	if err := api.Delete(c.t.Context(), pod, client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
		c.t.Fatal(err)
	}
}

// deployments are the names of those that exist.
func (c cluster) deployments() []string {
	var list appsv1.DeploymentList
	if err := api.List(c.t.Context(), &list, client.InNamespace(c.ns)); err != nil {
		return []string{err.Error()}
	}
	var names []string
	for _, d := range list.Items {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	return names
}

// have waits until exactly these Deployments exist.
func (c cluster) have(names ...string) {
	c.t.Helper()
	eventually(c.t, func() error {
		if got := c.deployments(); !slices.Equal(got, names) {
			return fmt.Errorf("the Deployments are %v, want %v", got, names)
		}
		return nil
	})
}

// stay makes sure that exactly these Deployments go on to exist, while the
// operator settles.
func (c cluster) stay(names ...string) {
	c.t.Helper()
	c.have(names...)
	c.settle()
	if got := c.deployments(); !slices.Equal(got, names) {
		c.t.Fatalf("the Deployments are %v, want still %v", got, names)
	}
}

// settle waits until the operator has seen all that happened so far: it makes
// a user and waits for what only a later pass can do about it.
func (c cluster) settle() {
	c.t.Helper()
	var servers v1alpha1.FileServerList
	if err := api.List(c.t.Context(), &servers, client.InNamespace(c.ns)); err != nil {
		c.t.Fatal(err)
	}
	for _, fs := range servers.Items {
		u := user(c.ns, fmt.Sprintf("barrier-%d", time.Now().UnixNano()), fs.Name)
		create(c.t, u)
		eventually(c.t, func() error {
			if err := api.Get(c.t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
				return err
			}
			if ptr.Deref(u.Status.ObservedGeneration, 0) != u.Generation {
				return fmt.Errorf("the operator has not looked at %s", u.Name)
			}
			return nil
		})
		if err := api.Delete(c.t.Context(), u); err != nil {
			c.t.Fatal(err)
		}
	}
}
