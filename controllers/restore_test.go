package controllers_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers"
)

// backedUp are the kinds of which a backup of a namespace consists, in the order in
// which they are restored.
var backedUp = []schema.GroupVersionKind{
	{Version: "v1", Kind: "PersistentVolumeClaimList"},
	{Version: "v1", Kind: "SecretList"},
	{Version: "v1", Kind: "ConfigMapList"},
	{Version: "v1", Kind: "ServiceList"},
	{Group: "apps", Version: "v1", Kind: "DeploymentList"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicyList"},
	{Group: "policy", Version: "v1", Kind: "PodDisruptionBudgetList"},
	v1alpha1.GroupVersion.WithKind("FileServerList"),
	v1alpha1.GroupVersion.WithKind("FileServerUserList"),
}

// backup reads all objects of the namespace, and deletes them.
func (c cluster) backup() (objects []unstructured.Unstructured) {
	c.t.Helper()
	for _, kind := range backedUp {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		if err := api.List(c.t.Context(), list, client.InNamespace(c.ns)); err != nil {
			c.t.Fatal(err)
		}
		objects = append(objects, list.Items...)
	}
	for _, o := range objects {
		gone := o.DeepCopy()
		eventually(c.t, func() error {
			if err := api.Get(c.t.Context(), keyOf(gone), gone); err != nil {
				return client.IgnoreNotFound(err)
			}
			gone.SetFinalizers(nil) // a claim's, which no controller removes here
			if err := api.Update(c.t.Context(), gone); err != nil {
				return err
			}
			if err := api.Delete(c.t.Context(), gone, client.GracePeriodSeconds(0)); err != nil {
				return err
			}
			return fmt.Errorf("%s %s is there", gone.GetKind(), gone.GetName())
		})
	}
	return objects
}

// restore makes the objects again, as backups do.
func (c cluster) restore(objects []unstructured.Unstructured, owners bool) {
	c.t.Helper()
	for _, o := range objects {
		o = *o.DeepCopy()
		for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"} {
			unstructured.RemoveNestedField(o.Object, "metadata", field)
		}
		unstructured.RemoveNestedField(o.Object, "status")
		if !owners {
			o.SetOwnerReferences(nil)
		}
		if o.GetKind() == "Service" {
			for _, field := range []string{"clusterIP", "clusterIPs", "healthCheckNodePort"} {
				unstructured.RemoveNestedField(o.Object, "spec", field)
			}
			// Somebody else may have the node ports by now, in a test as in a cluster.
			ports, _, err := unstructured.NestedSlice(o.Object, "spec", "ports")
			if err != nil {
				c.t.Fatal(err)
			}
			for _, port := range ports {
				delete(port.(map[string]any), "nodePort")
			}
			if err := unstructured.SetNestedSlice(o.Object, ports, "spec", "ports"); err != nil {
				c.t.Fatal(err)
			}
		}
		create(c.t, &o)
	}
}

// secrets are the contents of those that must come back as they were.
func (c cluster) secrets(names ...string) map[string][]byte {
	c.t.Helper()
	all := map[string][]byte{}
	for _, name := range names {
		for key, value := range get(c.t, c.ns, name, &corev1.Secret{}).Data {
			all[name+"/"+key] = value
		}
	}
	return all
}

func TestARestoredNamespaceHasTheSamePasswordsHostKeysAndCertificate(t *testing.T) {
	t.Parallel()
	for name, owners := range map[string]bool{"without owners": false, "with owners that are gone": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _, stop := settled(t)
			fs, alice := fileServer(c.ns, "files"), user(c.ns, "alice", "files")
			names := []string{"alice-credentials", "files-ssh-host-keys", "files-ca", "files-tls"}
			before := c.secrets(names...)
			stop()
			pods := &corev1.PodList{} // Kubernetes makes new ones for the Deployments
			if err := api.List(t.Context(), pods, client.InNamespace(c.ns)); err != nil {
				t.Fatal(err)
			}
			for i := range pods.Items {
				c.gone(&pods.Items[i])
			}
			c.restore(c.backup(), owners)

			_, stop = operatorFor(t, c.ns)
			defer stop()
			c.address("files", "198.51.100.9")
			eventually(t, func() error {
				if err := api.Get(t.Context(), keyOf(fs), fs); err != nil {
					return err
				}
				if err := api.Get(t.Context(), keyOf(alice), alice); err != nil {
					return err
				}
				return c.owned(fs, alice)
			})
			c.start("files-0", "")
			ready(t, fs, v1alpha1.ReasonReady)
			ready(t, alice, v1alpha1.ReasonLoaded)
			if after := c.secrets(names...); !maps.EqualFunc(before, after, bytes.Equal) {
				for _, key := range slices.Sorted(maps.Keys(before)) {
					if !bytes.Equal(before[key], after[key]) {
						t.Errorf("%s is not what it was", key)
					}
				}
			}
		})
	}
}

// owned returns an error while an object of the server's has another owner than it
// should have, or none.
func (c cluster) owned(fs *v1alpha1.FileServer, alice *v1alpha1.FileServerUser) error {
	for _, kind := range backedUp[1:7] {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		if err := api.List(c.t.Context(), list, client.InNamespace(c.ns), client.MatchingLabels{v1alpha1.LabelServer: fs.Name}); err != nil {
			return err
		}
		for _, o := range list.Items {
			want := fs.UID
			if o.GetLabels()[v1alpha1.LabelUser] != "" {
				want = alice.UID
			}
			if refs := o.GetOwnerReferences(); len(refs) != 1 || refs[0].UID != want {
				return fmt.Errorf("%s %s has the owners %v, want %s alone", o.GetKind(), o.GetName(), refs, want)
			}
		}
	}
	return nil
}

func TestWhatDoesNotCarryTheOperatorsLabelsIsNeverTouched(t *testing.T) {
	t.Parallel()
	labels := func(server, user string) map[string]string {
		l := map[string]string{v1alpha1.LabelServer: server, v1alpha1.LabelManaged: v1alpha1.LabelTrue}
		if user != "" {
			l[v1alpha1.LabelUser] = user
		}
		return l
	}
	owner := func(kind, name string) []metav1.OwnerReference {
		yes := true
		return []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: kind, Name: name, UID: "before", Controller: &yes}}
	}
	for name, meta := range map[string]metav1.ObjectMeta{
		"no labels":                      {},
		"no labels, and our owner":       {OwnerReferences: owner("FileServerUser", "alice")},
		"labels of another user":         {Labels: labels("files", "bob")},
		"labels of the server":           {Labels: labels("files", "")},
		"our labels, and another owner":  {Labels: labels("files", "alice"), OwnerReferences: owner("FileServerUser", "bob")},
		"our labels, and a foreign kind": {Labels: labels("files", "alice"), OwnerReferences: owner("FileServer", "alice")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := bareNamespace(t)
			meta.Namespace, meta.Name = ns, "alice-credentials"
			theirs := &corev1.Secret{ObjectMeta: meta, Data: map[string][]byte{"password": []byte("theirs")}}
			alice := user(ns, "alice", "files")
			create(t, theirs, fileServer(ns, "files"), alice)
			version := theirs.ResourceVersion
			stop, err := startOperator(operatorConfig, controllers.Options{Image: serverImage, Pods: pods, Namespaces: []string{ns}})
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			isStalled(t, alice, v1alpha1.ReasonNameTaken)
			if got := get(t, ns, "alice-credentials", &corev1.Secret{}); got.ResourceVersion != version {
				t.Errorf("somebody else's Secret has been changed: %v", got.ObjectMeta)
			}
		})
	}
}
