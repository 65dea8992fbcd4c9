package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// pass is one reconciliation of one server: what was observed, what was found
// out, and what is to be said about it.
type pass struct {
	*FileServerReconciler
	applier

	server resources.Server

	// observed
	service     *corev1.Service
	claim       *corev1.PersistentVolumeClaim
	deployments []appsv1.Deployment
	pods        []corev1.Pod
	nodes       map[string]*corev1.Node

	// found out
	tls      tlsState
	hostKeys resources.HostKeys
	users    []*userState
	wanted   wantedFiles
	blocked  bool // pods would lack something: start none

	// said
	problems []*problem
	progress string // what is under way
	cutShort bool   // a step failed: what later ones would say is not known
	requeue  time.Duration
}

func (r *FileServerReconciler) begin(fs *v1alpha1.FileServer) *pass {
	return &pass{
		FileServerReconciler: r,
		applier:              applier{cached: r.Client, direct: r.Direct},
		server: resources.Server{
			FileServer:    fs,
			DefaultImage:  r.Image,
			ClusterDomain: r.ClusterDomain,
		},
	}
}

// report adds what is wrong to what is said in the status.
func (p *pass) report(problem *problem) { p.problems = append(p.problems, problem) }

// again asks for another pass after a while, unless one is due sooner.
func (p *pass) again(after time.Duration) {
	if p.requeue == 0 || after < p.requeue {
		p.requeue = max(after, time.Millisecond)
	}
}

// put applies an object of the server's.
func (p *pass) put(ctx context.Context, desired runtime.ApplyConfiguration) error {
	return p.apply(ctx, p.server.FileServer, desired)
}

// drop removes an object of the server's.
func (p *pass) drop(ctx context.Context, obj client.Object, name string) error {
	obj.SetNamespace(p.server.Namespace)
	obj.SetName(name)
	if err := p.remove(ctx, p.server.FileServer, obj); err != nil {
		return fmt.Errorf("removing %T %s: %w", obj, name, err)
	}
	return nil
}

// observe reads what exists of the server.
func (p *pass) observe(ctx context.Context) error {
	s := p.server
	svc := &corev1.Service{}
	switch err := p.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: resources.ServiceName(s.Name)}, svc); {
	case err == nil:
		p.service = svc
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("reading the Service: %w", err)
	}
	mine := []client.ListOption{client.InNamespace(s.Namespace), client.MatchingLabels{v1alpha1.LabelServer: s.Name}}
	var deployments appsv1.DeploymentList
	if err := p.List(ctx, &deployments, mine...); err != nil {
		return fmt.Errorf("listing Deployments: %w", err)
	}
	p.deployments = deployments.Items
	var pods corev1.PodList
	if err := p.List(ctx, &pods, mine...); err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	p.pods = slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool {
		return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	})
	slices.SortFunc(p.pods, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return p.observeNodes(ctx)
}

func podReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func terminating(pod *corev1.Pod) bool { return !pod.DeletionTimestamp.IsZero() }
