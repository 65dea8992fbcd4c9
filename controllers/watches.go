package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

func requestFor(namespace, server string) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: server}}}
}

// serverByLabel is the server that an object of the operator's is part of.
func serverByLabel(_ context.Context, obj client.Object) []reconcile.Request {
	name := obj.GetLabels()[v1alpha1.LabelServer]
	if name == "" {
		return nil
	}
	return requestFor(obj.GetNamespace(), name)
}

// serverOfPod is the server that a pod is part of. The pod is asked already.
func (r *FileServerReconciler) serverOfPod(ctx context.Context, obj client.Object) []reconcile.Request {
	if pod, ok := obj.(*corev1.Pod); ok {
		r.asks.meet(pod)
	}
	return serverByLabel(ctx, obj)
}

// serverOfUser is the server that a user names, or named until now.
func (r *FileServerReconciler) serverOfUser(_ context.Context, obj client.Object) []reconcile.Request {
	u, ok := obj.(*v1alpha1.FileServerUser)
	if !ok {
		return nil
	}
	r.changes.user(types.NamespacedName{Namespace: u.Namespace, Name: u.Spec.ServerRef.Name}, u.Name)
	return requestFor(u.Namespace, u.Spec.ServerRef.Name)
}

// serverOfSecret is the server that one of the operator's own Secrets is part of.
func (r *FileServerReconciler) serverOfSecret(ctx context.Context, obj client.Object) []reconcile.Request {
	requests := serverByLabel(ctx, obj)
	for _, request := range requests {
		if user := obj.GetLabels()[v1alpha1.LabelUser]; user != "" {
			r.changes.user(request.NamespacedName, user)
		} else {
			r.changes.secret(request.NamespacedName, obj.GetName())
		}
	}
	return requests
}

// forgetChanges forgets what happened at a server that is gone.
func (r *FileServerReconciler) forgetChanges(server types.NamespacedName) {
	if r.changes != nil {
		r.changes.take(server)
	}
}

// serversOnNode are those with pods on a node, and those that are reached by
// any node.
func (r *FileServerReconciler) serversOnNode(ctx context.Context, node client.Object) []reconcile.Request {
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.MatchingFields{indexNode: node.GetName()}); err != nil {
		log.FromContext(ctx).Error(err, "Listing the pods of a node", "node", node.GetName())
		return nil
	}
	servers := map[types.NamespacedName]struct{}{}
	for _, pod := range pods.Items {
		servers[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Labels[v1alpha1.LabelServer]}] = struct{}{}
	}
	var byNodes v1alpha1.FileServerList
	if err := r.List(ctx, &byNodes, client.MatchingFields{indexExpose: string(v1alpha1.ExposeNodePort)}); err != nil {
		log.FromContext(ctx).Error(err, "Listing the servers with node ports")
		return nil
	}
	for i := range byNodes.Items {
		servers[client.ObjectKeyFromObject(&byNodes.Items[i])] = struct{}{}
	}
	var requests []reconcile.Request
	for name := range servers {
		requests = append(requests, reconcile.Request{NamespacedName: name})
	}
	return requests
}

// nodeChanges are the changes of nodes that matter. Nodes report all the time.
func nodeChanges() builder.Predicates {
	return builder.WithPredicates(predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*corev1.Node)
		after, ok2 := e.ObjectNew.(*corev1.Node)
		return !ok1 || !ok2 || before.Spec.Unschedulable != after.Spec.Unschedulable ||
			!slices.Equal(before.Spec.Taints, after.Spec.Taints) ||
			!slices.Equal(before.Status.Addresses, after.Status.Addresses)
	}})
}

// specChanges are the changes of FileServers and of their users that matter. Nobody but
// the operator writes a status, and passes know what they have written.
func specChanges() builder.Predicates {
	return builder.WithPredicates(predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := metaOf(e.ObjectOld), metaOf(e.ObjectNew)
		if before.ResourceVersion == after.ResourceVersion {
			return true
		}
		before.ResourceVersion = after.ResourceVersion
		return !equality.Semantic.DeepEqual(before, after)
	}})
}

// metaOf is the metadata of a FileServer or of a user; the generation in it changes with
// the spec.
func metaOf(obj client.Object) metav1.ObjectMeta {
	switch o := obj.(type) {
	case *v1alpha1.FileServer:
		return o.ObjectMeta
	case *v1alpha1.FileServerUser:
		return o.ObjectMeta
	}
	return metav1.ObjectMeta{}
}

// podChanges are the changes of pods that matter: that its mounts were refreshed is no
// news.
func podChanges() builder.Predicates {
	return builder.WithPredicates(predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*corev1.Pod)
		after, ok2 := e.ObjectNew.(*corev1.Pod)
		if !ok1 || !ok2 || before.ResourceVersion == after.ResourceVersion {
			return true
		}
		a, b := *before, *after
		a.ResourceVersion, b.ResourceVersion = "", ""
		a.Annotations, b.Annotations = maps.Clone(a.Annotations), maps.Clone(b.Annotations)
		delete(a.Annotations, v1alpha1.AnnotationRefresh)
		delete(b.Annotations, v1alpha1.AnnotationRefresh)
		return !equality.Semantic.DeepEqual(&a, &b)
	}})
}

// Indexes.
const (
	indexNode       = "spec.nodeName"
	indexExpose     = "spec.expose.type"
	indexSecrets    = "secrets"
	indexConfigMaps = "configmaps"
	indexClaims     = "claims"
)

// serversNaming are those that name an object, or whose users do.
func (r *FileServerReconciler) serversNaming(ctx context.Context, index string, m *metav1.PartialObjectMetadata) []reconcile.Request {
	names := map[string]struct{}{}
	naming := []client.ListOption{client.InNamespace(m.Namespace), client.MatchingFields{index: m.Name}}
	var servers v1alpha1.FileServerList
	if err := r.List(ctx, &servers, naming...); err != nil {
		log.FromContext(ctx).Error(err, "Listing the servers that name an object", "name", m.Name)
	}
	for _, fs := range servers.Items {
		names[fs.Name] = struct{}{}
	}
	var users v1alpha1.FileServerUserList
	if err := r.List(ctx, &users, naming...); err != nil {
		log.FromContext(ctx).Error(err, "Listing the users that name an object", "name", m.Name)
	}
	for _, u := range users.Items {
		names[u.Spec.ServerRef.Name] = struct{}{}
		r.changes.user(types.NamespacedName{Namespace: u.Namespace, Name: u.Spec.ServerRef.Name}, u.Name)
	}
	var requests []reconcile.Request
	for _, name := range slices.Sorted(maps.Keys(names)) {
		requests = append(requests, requestFor(m.Namespace, name)...)
	}
	return requests
}

func addIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, i := range []struct {
		obj     client.Object
		name    string
		extract client.IndexerFunc
	}{
		{&v1alpha1.FileServerUser{}, indexServer, func(o client.Object) []string {
			return []string{o.(*v1alpha1.FileServerUser).Spec.ServerRef.Name}
		}},
		{&v1alpha1.FileServerUser{}, indexSecrets, secretsOfUser},
		{&v1alpha1.FileServerUser{}, indexConfigMaps, configMapsOfUser},
		{&v1alpha1.FileServer{}, indexSecrets, secretsOfServer},
		{&v1alpha1.FileServerUser{}, indexClaims, nothing},
		{&v1alpha1.FileServer{}, indexConfigMaps, configMapsOfServer},
		{&v1alpha1.FileServer{}, indexClaims, func(o client.Object) []string {
			return []string{o.(*v1alpha1.FileServer).Spec.Storage.ExistingClaim}
		}},
		{&v1alpha1.FileServer{}, indexExpose, func(o client.Object) []string {
			return []string{string(o.(*v1alpha1.FileServer).Spec.Expose.Type)}
		}},
		{&corev1.Pod{}, indexNode, func(o client.Object) []string { return []string{o.(*corev1.Pod).Spec.NodeName} }},
	} {
		if err := indexer.IndexField(ctx, i.obj, i.name, i.extract); err != nil {
			return fmt.Errorf("indexing %T by %s: %w", i.obj, i.name, err)
		}
	}
	return nil
}

func nothing(client.Object) []string { return nil }

func secretsOfServer(o client.Object) []string {
	spec := &o.(*v1alpha1.FileServer).Spec
	var names []string
	if ref := spec.TLS.SecretRef; ref != nil {
		names = append(names, ref.Name)
	}
	if ref := spec.SSHHostKeys.SecretRef; ref != nil {
		names = append(names, ref.Name)
	}
	if c := spec.TLS.ClientCertificates; c != nil && c.AuthoritiesFrom.Kind == v1alpha1.CertificatesInSecret {
		names = append(names, c.AuthoritiesFrom.Name)
	}
	if b := spec.Storage.Bucket; b != nil && b.CredentialsSecretRef != nil {
		names = append(names, b.CredentialsSecretRef.Name)
	}
	return names
}

func configMapsOfServer(o client.Object) []string {
	c := o.(*v1alpha1.FileServer).Spec.TLS.ClientCertificates
	if c == nil || c.AuthoritiesFrom.Kind == v1alpha1.CertificatesInSecret {
		return nil
	}
	return []string{c.AuthoritiesFrom.Name}
}

func secretsOfUser(o client.Object) []string {
	spec := &o.(*v1alpha1.FileServerUser).Spec
	var names []string
	if spec.Password != nil && spec.Password.SecretRef != nil {
		names = append(names, spec.Password.SecretRef.Name)
	}
	for _, from := range spec.AuthorizedKeysFrom {
		if from.Kind == v1alpha1.KeysInSecret {
			names = append(names, from.Name)
		}
	}
	return names
}

func configMapsOfUser(o client.Object) []string {
	var names []string
	for _, from := range o.(*v1alpha1.FileServerUser).Spec.AuthorizedKeysFrom {
		if from.Kind != v1alpha1.KeysInSecret {
			names = append(names, from.Name)
		}
	}
	return names
}
