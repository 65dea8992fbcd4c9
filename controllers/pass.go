package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// pass is one reconciliation of one server: what was observed, what was found
// out, and what is to be said about it. Steps read it; run alone writes to it
// what they return.
type pass struct {
	*FileServerReconciler
	applier

	server resources.Server
	observed

	// found out
	seen     bool // observed is all there is
	waits    bool // a new server waits for what it will need
	volume   volume
	exposed  bool // server.Exposure is known
	tls      tlsState
	hostKeys resources.HostKeys
	users    []*userState
	wanted   wantedFiles

	// said
	errs     []error
	problems []*conditions.Problem
	progress string // what is under way
	requeue  time.Duration
}

// observed is what exists of a server.
type observed struct {
	service     *corev1.Service
	deployments []appsv1.Deployment
	pods        []corev1.Pod
	nodes       map[string]*corev1.Node
}

func (r *FileServerReconciler) begin(fs *v1alpha1.FileServer) *pass {
	return &pass{
		FileServerReconciler: r,
		applier:              applier{cached: r.Client, others: r.certManager.certificates, direct: r.Direct, echoes: r.echoes, kept: r.memory.of(client.ObjectKeyFromObject(fs)).kept, missed: &atomic.Bool{}},
		server: resources.Server{
			FileServer:        fs,
			DefaultImage:      r.Image,
			PullSecrets:       r.PullSecrets,
			MetricsNamespaces: r.MetricsNamespaces,
			ClusterDomain:     r.ClusterDomain,
			NoNodePorts:       r.NoNodePorts,
		},
	}
}

// note takes down what went wrong in a step, if anything did.
func (p *pass) note(err error) (ok bool) {
	if err != nil {
		p.errs = append(p.errs, err)
	}
	return err == nil
}

// draw draws from what went wrong what the status says, and how soon to try
// again.
func (p *pass) draw(ctx context.Context) {
	before := p.mem().failures
	problems, transient := p.follow(ctx, errors.Join(p.errs...), before)
	p.problems = problems
	for _, u := range p.users {
		if u.problems = nil; u.full {
			u.problems = append(u.problems, p.noRoom())
		}
		problems, more := p.follow(ctx, errors.Join(u.errs...), before)
		u.problems = append(u.problems, problems...)
		transient = transient || more
	}
	if p.mem().failures = 0; transient {
		p.mem().failures = before + 1
	}
}

// follow returns the problems that errors are, and whether another try may help
// with one. An error that nobody foresaw is also in the log.
func (p *pass) follow(ctx context.Context, err error, before int) (problems []*conditions.Problem, transient bool) {
	for _, v := range conditions.Of(err, before) {
		if v.Retry > 0 {
			p.again(v.Retry)
		}
		transient = transient || v.Transient()
		if v.Problem == nil {
			continue
		}
		problems = append(problems, v.Problem)
		if v.Transient() {
			log.FromContext(ctx).Info("Something failed and is tried again", "problem", v.Problem.Message)
		}
	}
	return problems, transient
}

// again asks for another pass after a while, unless one is due sooner.
func (p *pass) again(after time.Duration) {
	if p.requeue == 0 || after < p.requeue {
		p.requeue = max(after, time.Millisecond)
	}
}

// result says when another pass is due.
func (p *pass) result() ctrl.Result {
	if p.missed.Load() {
		p.again(time.Millisecond)
	}
	return again(p.requeue)
}

// put applies an object of the server's.
func (p *pass) put(ctx context.Context, desired runtime.ApplyConfiguration) error {
	_, err := p.apply(ctx, p.server.FileServer, desired)
	return err
}

// putSecret applies a Secret whose content was made once, in the place of what was
// read, and of nothing else: one that the cache has not seen yet must not be replaced,
// and an entry that somebody deletes meanwhile, to have it made anew, must not come
// back. The API server answers with a conflict then, and [pass.ownSecret] does not
// rely on the cache the next time.
func (p *pass) putSecret(ctx context.Context, owner client.Object, read *corev1.Secret, desired *corev1ac.SecretApplyConfiguration) (client.Object, error) {
	if read.ResourceVersion != "" {
		desired.WithUID(read.UID).WithResourceVersion(read.ResourceVersion)
	} else {
		desired.WithResourceVersion(unborn)
	}
	made, err := p.apply(ctx, owner, desired)
	if apierrors.IsConflict(err) {
		p.mem().doubt(*desired.Name)
	}
	return made, err
}

// ownSecret reads a Secret of the operator's own; an empty one if there seems to be
// none. The cache may not have seen it yet, or never will, since somebody took its
// labels: so it goes back with [pass.putSecret].
func (p *pass) ownSecret(ctx context.Context, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := p.Get(ctx, client.ObjectKey{Namespace: p.server.Namespace, Name: name}, secret)
	switch {
	case err == nil:
		p.mem().trust(name)
		return secret, nil
	case !apierrors.IsNotFound(err):
		return nil, err
	case p.mem().doubts(name):
		return p.sureSecret(ctx, name)
	}
	return &corev1.Secret{}, nil
}

// sureSecret asks the API server itself for a Secret that the cache lacks; an empty
// one if it does not exist.
func (p *pass) sureSecret(ctx context.Context, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: p.server.Namespace, Name: name}
	err := p.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) {
		err = p.Direct.Get(ctx, key, secret)
	}
	if apierrors.IsNotFound(err) {
		return &corev1.Secret{}, nil
	}
	return secret, err
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
func (p *pass) observe(ctx context.Context) (observed, error) {
	var o observed
	s := p.server
	svc := &corev1.Service{}
	switch err := p.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: resources.ServiceName(s.Name)}, svc); {
	case err == nil:
		o.service = svc
	case !apierrors.IsNotFound(err):
		return o, fmt.Errorf("reading the Service: %w", err)
	}
	mine := []client.ListOption{client.InNamespace(s.Namespace), client.MatchingLabels{v1alpha1.LabelServer: s.Name}}
	var pods corev1.PodList
	if err := p.List(ctx, &pods, mine...); err != nil {
		return o, fmt.Errorf("listing pods: %w", err)
	}
	o.pods = slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool {
		return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	})
	slices.SortFunc(o.pods, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	var deployments appsv1.DeploymentList
	if err := p.List(ctx, &deployments, mine...); err != nil {
		return o, fmt.Errorf("listing Deployments: %w", err)
	}
	o.deployments = deployments.Items
	var err error
	o.nodes, err = p.observeNodes(ctx, o.pods)
	return o, err
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
