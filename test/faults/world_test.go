// Package faults_test has requests to the API server fail, one by one and for
// good, and looks at what the operator makes of it and says.
package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

const (
	namespace = "partners"
	injected  = "injected-by-the-test"
)

// world is a cluster in memory: objects, an operator, and what kubelets,
// balancers and Kubernetes' own controllers do.
type world struct {
	t        *testing.T
	client   client.WithWatch // of the test, which never fails
	operator *controllers.FileServerReconciler
	faults   *faults
	answer   func(config.Loaded) (config.Loaded, error) // of pods, if they are odd
}

// call is a request of the operator's.
type call struct{ verb, kind, name string }

func (c call) String() string { return c.verb + " " + c.kind + " " + c.name }

// faults has requests fail.
type faults struct {
	mu    sync.Mutex
	calls []call
	fails func(nth int, c call) bool // nth request with that verb, from 1
	errs  func(c call) error         // other errors than that
	fired []call
	count map[string]int
}

func (f *faults) of(c call) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
	f.count[c.verb]++
	if f.errs != nil {
		return f.errs(c)
	}
	if f.fails == nil || !f.fails(f.count[c.verb], c) {
		return nil
	}
	f.fired = append(f.fired, c)
	return apierrors.NewInternalError(errors.New(injected))
}

// scheme has only the kinds that the operator uses: the fake client goes through
// all of them at each apply.
var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(s), appsv1.AddToScheme(s), corev1.AddToScheme(s), networkingv1.AddToScheme(s), policyv1.AddToScheme(s)); err != nil {
		panic(err)
	}
	return s
}()

// newWorld is one with a FileServer and three users: one with a password that is
// generated, one with one from a Secret, and one with keys from a ConfigMap.
func newWorld(t *testing.T) *world {
	t.Helper()
	one := int32(1)
	fs := &v1alpha1.FileServer{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "files", UID: "fs-1", Generation: 1}}
	fs.Spec = defaultSpec
	fs.Spec.Replicas = &one
	user := func(name string, uid types.UID) *v1alpha1.FileServerUser {
		return &v1alpha1.FileServerUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: uid, Generation: 1},
			Spec:       v1alpha1.FileServerUserSpec{ServerRef: v1alpha1.ServerReference{Name: "files"}},
		}
	}
	alice, bob, carol := user("alice", "u-1"), user("bob", "u-2"), user("carol", "u-3")
	bob.Spec.Password = &v1alpha1.Password{SecretRef: &v1alpha1.PasswordReference{Name: "bobs", Key: "password"}}
	carol.Spec.AuthorizedKeysFrom = []v1alpha1.KeySource{{Kind: v1alpha1.KeysInConfigMap, Name: "carols", Key: "authorized_keys"}}
	return worldOf(t, fs, alice, bob, carol,
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "bobs"}, Data: map[string][]byte{"password": []byte("first")}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "carols"}, Data: map[string]string{"authorized_keys": publicKey}},
	)
}

// worldOf is one with these objects, and with an operator that has just started.
func worldOf(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	w := &world{t: t, faults: &faults{count: map[string]int{}}}
	server, user := &v1alpha1.FileServer{}, &v1alpha1.FileServerUser{}
	c := fake.NewClientBuilder().WithScheme(scheme).
		WithTypeConverters(managedfields.NewDeducedTypeConverter()). // all fields have one owner
		WithStatusSubresource(server, user).
		WithIndex(user, "spec.serverRef.name", func(o client.Object) []string {
			return []string{o.(*v1alpha1.FileServerUser).Spec.ServerRef.Name}
		}).
		WithIndex(&corev1.Event{}, "involvedObject.uid", func(o client.Object) []string {
			return []string{string(o.(*corev1.Event).InvolvedObject.UID)}
		}).
		WithObjects(objects...).
		WithReturnManagedFields().
		Build()
	w.client = c
	failing := interceptor.NewClient(c, w.faults.funcs())
	w.operator = controllers.New(controllers.Clients{Cached: failing, Direct: failing, Others: c, Events: &events.FakeRecorder{}}, controllers.Options{Image: "fileserver:test", Pods: w})
	return w
}

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFCEsxMoU9biB+285fWtQs+KyJbFHIH1UBFKvdZRzhK0 somebody"

func (f *faults) funcs() interceptor.Funcs {
	kind := func(o runtime.Object) string {
		gvk, err := f.kindOf(o)
		if err != nil {
			return fmt.Sprintf("%T", o)
		}
		return gvk
	}
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if err := f.of(call{"get", kind(o), key.Name}); err != nil {
				return err
			}
			return c.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
			if err := f.of(call{"list", kind(l), ""}); err != nil {
				return err
			}
			return c.List(ctx, l, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			if err := f.of(call{"delete", kind(o), o.GetName()}); err != nil {
				return err
			}
			return c.Delete(ctx, o, opts...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			kind, name := applied(o)
			if err := f.of(call{"apply", kind, name}); err != nil {
				return err
			}
			return c.Apply(ctx, o, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			if err := f.of(call{"patch " + sub, kind(o), o.GetName()}); err != nil {
				return err
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	}
}

func (f *faults) kindOf(o runtime.Object) (string, error) {
	kinds, _, err := scheme.ObjectKinds(o)
	if err != nil {
		return "", err
	}
	return kinds[0].Kind, nil
}

// objects are all that there are, but for what the operator does not make.
func (w *world) objects() []client.Object {
	w.t.Helper()
	var all []client.Object
	for _, list := range []client.ObjectList{
		&v1alpha1.FileServerList{}, &v1alpha1.FileServerUserList{}, &corev1.SecretList{}, &corev1.ConfigMapList{}, &corev1.ServiceList{},
		&corev1.PersistentVolumeClaimList{}, &corev1.PodList{}, &appsv1.DeploymentList{}, &networkingv1.NetworkPolicyList{}, &policyv1.PodDisruptionBudgetList{},
	} {
		w.must(w.client.List(w.t.Context(), list), meta.EachListItem(list, func(o runtime.Object) error {
			all = append(all, o.DeepCopyObject().(client.Object))
			return nil
		}))
	}
	return all
}

// reconcile has the operator look once, and the rest of the cluster do its part.
func (w *world) reconcile() error {
	w.t.Helper()
	_, err := w.operator.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: "files"}})
	w.cluster()
	return err
}

// cluster does what kubelets, balancers and controllers do.
func (w *world) cluster() {
	w.t.Helper()
	ctx := w.t.Context()
	var deployments appsv1.DeploymentList
	var pods corev1.PodList
	w.must(w.client.List(ctx, &deployments), w.client.List(ctx, &pods))
	wanted := map[string]bool{}
	for _, d := range deployments.Items {
		wanted[d.Name+"-pod"] = true
		pod := &corev1.Pod{}
		pod.Namespace, pod.Name, pod.UID = namespace, d.Name+"-pod", types.UID(d.Name+"-pod")
		pod.Labels, pod.Annotations = d.Spec.Template.Labels, d.Spec.Template.Annotations
		pod.Spec = d.Spec.Template.Spec
		pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "198.18.0.1", Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
		if err := w.client.Create(ctx, pod); !apierrors.IsAlreadyExists(err) {
			w.must(err)
		}
		// The fake client has no controllers that fill in a status.
		d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1}
		w.must(w.client.Status().Update(ctx, &d))
	}
	for _, p := range pods.Items {
		if !wanted[p.Name] {
			w.must(w.client.Delete(ctx, &p))
		}
	}
	svc := &corev1.Service{}
	if w.get(svc, "files") && len(svc.Status.LoadBalancer.Ingress) == 0 {
		svc.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "198.51.100.7"}}
		w.must(w.client.Status().Update(ctx, svc))
	}
	claim := &corev1.PersistentVolumeClaim{}
	if w.get(claim, "files-data") && claim.Status.Phase != corev1.ClaimBound {
		claim.Status.Phase = corev1.ClaimBound
		w.must(w.client.Status().Update(ctx, claim))
	}
}

func (w *world) must(errs ...error) {
	w.t.Helper()
	if err := errors.Join(errs...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) get(o client.Object, name string) bool {
	w.t.Helper()
	err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, o)
	if apierrors.IsNotFound(err) {
		return false
	}
	w.must(err)
	return true
}

// Loaded implements controllers.LoadedReader: a pod has what is mounted once it
// was bumped for it, or is new.
func (w *world) Loaded(ctx context.Context, pod *corev1.Pod) (config.Loaded, error) {
	var tls, ssh corev1.Secret
	var cm corev1.ConfigMap
	var l config.Loaded
	w.get(&cm, "files-config")
	for _, v := range pod.Spec.Volumes {
		switch {
		case v.Projected != nil:
			l.Users = map[string]string{}
			for _, source := range v.Projected.Sources {
				var users corev1.Secret
				if item := source.Secret.Items[0]; w.get(&users, source.Secret.Name) {
					l.Users[item.Path] = config.Hash(users.Data[item.Key])
				}
			}
		case v.Name == config.VolumeConfig:
			l.Config = config.Hash([]byte(cm.Data[v.ConfigMap.Items[0].Key]))
		case v.Name == config.VolumeTLS && w.get(&tls, v.Secret.SecretName):
			if leaf, err := resources.KeyPairFrom(tls.Data).Leaf(); err == nil {
				l.TLS = resources.Fingerprint(leaf)
			}
		}
	}
	if w.get(&ssh, "files-ssh-host-keys") {
		if keys, err := resources.ReadHostKeys(ssh.Data); err == nil {
			for _, k := range keys.Status {
				l.HostKeys = append(l.HostKeys, k.Fingerprint)
			}
		}
	}
	if w.answer != nil {
		return w.answer(l)
	}
	return l, nil
}

// said are the conditions of the FileServer and of all users.
func (w *world) said() map[string][]metav1.Condition {
	w.t.Helper()
	said := map[string][]metav1.Condition{}
	fs := &v1alpha1.FileServer{}
	w.get(fs, "files")
	said["files"] = fs.Status.Conditions
	var users v1alpha1.FileServerUserList
	w.must(w.client.List(w.t.Context(), &users))
	for _, u := range users.Items {
		said[u.Name] = u.Status.Conditions
	}
	return said
}

// generation is that of an object.
func (w *world) generation(name string) int64 {
	w.t.Helper()
	var o client.Object = &v1alpha1.FileServerUser{}
	if name == "files" {
		o = &v1alpha1.FileServer{}
	}
	w.get(o, name)
	return o.GetGeneration()
}

// settled says what is not as it should be in the end.
func (w *world) settled(reasons map[string]string) error {
	w.t.Helper()
	for name, conditions := range w.said() {
		want := reasons[name]
		if want == "" {
			want = v1alpha1.ReasonLoaded
		}
		if c := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); c == nil || c.Reason != want || c.ObservedGeneration != w.generation(name) {
			return fmt.Errorf("%s: Ready is %+v, want %s", name, c, want)
		}
		for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
			if c := meta.FindStatusCondition(conditions, kind); c == nil || c.Status != metav1.ConditionFalse {
				return fmt.Errorf("%s: %s is %+v, want False", name, kind, c)
			}
		}
	}
	return nil
}

// account is that of a user in the users' file.
func (w *world) account(name string) *config.User {
	w.t.Helper()
	secret := &corev1.Secret{}
	if !w.get(secret, "files-users") {
		return nil
	}
	file, err := config.ParseUsers(secret.Data[config.UsersFile])
	w.must(err)
	for i := range file.Users {
		if file.Users[i].Name == name {
			return &file.Users[i]
		}
	}
	return nil
}

func applied(o runtime.ApplyConfiguration) (kind, name string) {
	b, err := json.Marshal(o)
	if err != nil {
		return fmt.Sprintf("%T", o), ""
	}
	var head struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(b, &head)
	return head.Kind, head.Metadata.Name
}

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard()) // no test relies on it
	os.Exit(m.Run())
}
