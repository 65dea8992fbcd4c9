package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// What each is for is said in docs/permissions.md, which a test compares with the
// calls that the operator makes.
//
// +kubebuilder:rbac:groups=fileserver.dev,resources=fileservers;fileserverusers,verbs=list;watch
// +kubebuilder:rbac:groups=fileserver.dev,resources=fileservers/status;fileserverusers/status,verbs=patch
// +kubebuilder:rbac:groups=fileserver.dev,resources=fileservers/finalizers;fileserverusers/finalizers,verbs=update
// +kubebuilder:rbac:groups="",resources=configmaps;secrets;persistentvolumeclaims,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch;patch
// +kubebuilder:rbac:groups="",resources=nodes,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=events,verbs=list
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=cert-manager.io,resources=certificates,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=cert-manager.io,resources=certificaterequests,verbs=list
// +kubebuilder:rbac:groups=acme.cert-manager.io,resources=orders;challenges,verbs=list
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=fileserver-system,resources=leases,verbs=create;get;update
// +kubebuilder:rbac:groups="",namespace=fileserver-system,resources=events,verbs=create

// FileServerReconciler makes what a FileServer and its users describe. One
// request is about a server and all its users, since the users of a server end
// up in one file.
type FileServerReconciler struct {
	client.Client
	// Direct reads from the API server itself, for what the cache lacks:
	// objects that are not the operator's.
	Direct client.Reader
	// Metadata is a cache of the metadata of Secrets, ConfigMaps and claims
	// that are not the operator's.
	Metadata client.Reader
	Events   events.EventRecorder
	Clock    clock.PassiveClock
	// Pods asks pods what they have loaded.
	Pods LoadedReader
	// Image is the server's, where a FileServer names none.
	Image string
	// MetricsNamespaces are those whose pods may read the metrics of servers; none: all.
	MetricsNamespaces []string
	// PullSecrets are those with which every server's image is pulled, besides
	// those that a FileServer names.
	PullSecrets []string
	// NoNodePorts is true if the balancers of the cluster need no node ports.
	NoNodePorts bool
	// ClusterDomain ends the names of Services: cluster.local.
	ClusterDomain string
	// WithoutNodes is true if the operator may not see nodes.
	WithoutNodes bool

	// changes are what the watches tell of users; nil: nothing tells of them, and all
	// are looked at in each pass.
	changes      *changes
	asks         asker
	echoes       *echoes
	certManager  *certManager
	hostKeyMaker *hostKeyMaker
	memory       *memory
	pace         *pace
}

// Reconcile makes one server and its users as they are described.
func (r *FileServerReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	fs := &v1alpha1.FileServer{}
	if err := r.Get(ctx, req.NamespacedName, fs); err != nil {
		if !apierrors.IsNotFound(err) {
			return ctrl.Result{}, err
		}
		r.memory.forget(req.NamespacedName)
		r.forgetChanges(req.NamespacedName)
		r.hostKeyMaker.forget(req.NamespacedName)
		r.asks.keep(req.NamespacedName, nil)
		r.pace.done(req.NamespacedName)
		return ctrl.Result{}, r.reportOrphans(ctx, req.NamespacedName)
	}
	if !fs.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil // the garbage collector removes what it owns
	}
	r.memory.of(req.NamespacedName).written.bringForward(fs)
	p := r.begin(fs)
	if fs.Annotations[v1alpha1.AnnotationPaused] == v1alpha1.LabelTrue {
		return ctrl.Result{}, p.sayPaused(ctx)
	}
	p.run(ctx)
	if p.waits {
		return p.result(), nil
	}
	p.draw(ctx)
	if p.unheard() {
		p.withholdStatus()
		return p.result(), nil // the answers of the pods begin another pass
	}
	if err := p.writeStatus(ctx); err != nil {
		return ctrl.Result{}, err
	}
	return p.result(), nil
}

// run goes through all that makes a file server. A step takes what it needs and
// returns what it found; run alone hands that on. A step that fails keeps those
// from running that need what it would have found, and no others; what they
// would have made stays as it was. The users come first, and need none of the
// others.
func (p *pass) run(ctx context.Context) {
	roster, err := p.findUsers(ctx)
	haveUsers := p.note(err)
	p.observed, err = p.observe(ctx)
	if p.seen = p.note(err); p.seen {
		p.server.UserShards = p.mountedShards()
	}
	if haveUsers {
		p.users = roster.byAge
		if p.seen {
			p.server.UserShards = p.chooseShards(roster)
		}
		p.note(p.putUsers(ctx, roster, early))
		p.note(p.nudgePods(ctx))
	}
	if !p.seen {
		return
	}

	p.volume, err = p.reconcileClaim(ctx)
	p.note(err)
	p.server.OneNode, p.server.ReadOnly = p.volume.oneNode, p.volume.readOnly
	if !p.volume.known {
		p.server.OneNode = p.wasOneNode()
	}
	possible := p.volume.known && p.note(p.checkTopology())

	// Without the volume it is not known which traffic policy a Service has.
	if p.volume.known || p.service == nil {
		p.service, err = p.reconcileService(ctx)
		p.note(err)
	}
	p.server.Exposure, err = p.findExposure(ctx)
	p.exposed = p.note(err)
	if p.waits = p.exposed && p.newcomerWaits(); p.waits {
		return
	}

	if p.exposed {
		p.tls, err = p.reconcileCertificate(ctx)
		p.note(err)
	}
	p.hostKeys, err = p.reconcileHostKeys(ctx)
	p.note(err)
	p.server.HostKeyFiles = p.hostKeys.Files
	haveTLS := p.tls.leaf != nil || p.server.TLSSecret() == ""
	haveHostKeys := len(p.hostKeys.Files) > 0 || p.server.HostKeysSecret() == ""

	if haveUsers {
		p.putCredentials(ctx, p.login(), p.exposed && haveTLS && haveHostKeys)
		p.note(p.putUsers(ctx, roster, inTime))
	}

	p.server.ClientCAs, err = p.findClientCAs(ctx)
	missing := resources.Missing{Exposure: !p.exposed, HostKeys: !haveHostKeys, ClientCAs: !p.note(err)}
	p.wanted.config, err = p.reconcileConfig(ctx, missing)
	configured := p.note(err)
	if p.volume.known {
		p.note(p.reconcilePolicies(ctx))
	}
	if haveUsers {
		possible = possible && p.haveShards(roster)
	}
	if configured && possible && p.exposed && haveHostKeys && haveTLS && p.volume.usable {
		p.progress, err = p.reconcileSlots(ctx)
		p.note(err)
	}
	p.note(p.refreshPods(ctx))
	p.note(p.renewCredentials(ctx))
	p.note(p.inspectPods(ctx))
}

// noMatch says whether an error means that a kind does not exist here.
func noMatch(err error) bool { return meta.IsNoMatchError(err) }
