package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/discovery"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// How often it is asked whether the cluster has cert-manager.
const certManagerEvery = 10 * time.Second

// certManager knows whether the cluster has cert-manager, and watches the
// Certificates of the operator's while it has. It comes and goes while the
// operator runs, so discovery is asked again and again.
type certManager struct {
	discovery discovery.DiscoveryInterface
	// certificates has those of the operator's.
	certificates cache.Cache
	servers      client.Reader
	controller   controller.Controller
	// changes are servers to look at since cert-manager came or went.
	changes chan event.TypedGenericEvent[client.Object]

	mu      sync.Mutex
	known   bool
	present bool
}

func newCertManager(mgr ctrl.Manager, namespaces []string) (*certManager, error) {
	d, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("making a client of discovery: %w", err)
	}
	certificates, err := cache.New(mgr.GetConfig(), cache.Options{
		Scheme:               mgr.GetScheme(),
		Mapper:               mgr.GetRESTMapper(),
		DefaultNamespaces:    namespaceConfigs(namespaces),
		DefaultLabelSelector: labels.SelectorFromSet(labels.Set{v1alpha1.LabelManaged: v1alpha1.LabelTrue}),
		DefaultTransform:     cache.TransformStripManagedFields(),
	})
	if err != nil {
		return nil, fmt.Errorf("making the cache of Certificates: %w", err)
	}
	if err := mgr.Add(certificates); err != nil {
		return nil, err
	}
	return &certManager{
		discovery:    d,
		certificates: certificates,
		servers:      mgr.GetClient(),
		changes:      make(chan event.TypedGenericEvent[client.Object]),
	}, nil
}

// watch has the controller look at servers whose Certificate changed, and at
// all that may have one when cert-manager comes or goes.
func (m *certManager) watch(mgr ctrl.Manager, c controller.Controller) error {
	m.controller = c
	if err := c.Watch(source.Channel(m.changes, &handler.EnqueueRequestForObject{})); err != nil {
		return err
	}
	return mgr.Add(manager.RunnableFunc(m.follow))
}

// follow asks discovery again and again.
func (m *certManager) follow(ctx context.Context) error {
	tick := time.NewTicker(certManagerEvery)
	defer tick.Stop()
	watched := false
	for {
		present, err := m.ask()
		switch {
		case err != nil:
			log.FromContext(ctx).Error(err, "Asking whether the cluster has cert-manager")
		case present && !watched:
			if err := m.controller.Watch(source.Kind[client.Object](m.certificates, aCertificate(), handler.EnqueueRequestsFromMapFunc(serverByLabel))); err != nil {
				log.FromContext(ctx).Error(err, "Watching Certificates")
				break
			}
			watched = true
			m.wake(ctx)
		case !present && watched:
			// A watch of what does not exist any more would be tried for ever.
			if err := m.certificates.RemoveInformer(ctx, aCertificate()); err != nil {
				log.FromContext(ctx).Error(err, "Ending the watch of Certificates")
				break
			}
			watched = false
			m.wake(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ask asks discovery, and keeps the answer.
func (m *certManager) ask() (bool, error) {
	_, err := m.discovery.ServerResourcesForGroupVersion(resources.CertificateKind.GroupVersion().String())
	if err != nil && !apierrors.IsNotFound(err) {
		return false, fmt.Errorf("asking discovery for cert-manager: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known, m.present = true, err == nil
	return m.present, nil
}

// has says whether the cluster has cert-manager, as far as is known.
func (m *certManager) has() (bool, error) {
	m.mu.Lock()
	known, present := m.known, m.present
	m.mu.Unlock()
	if !known {
		return m.ask()
	}
	return present, nil
}

// wake has the servers looked at for which it matters.
func (m *certManager) wake(ctx context.Context) {
	var servers v1alpha1.FileServerList
	if err := m.servers.List(ctx, &servers); err != nil {
		log.FromContext(ctx).Error(err, "Listing the servers since cert-manager came or went")
		return
	}
	for i := range servers.Items {
		if servers.Items[i].Spec.TLS.IssuerRef == nil {
			continue // a Certificate that is there arrives by the watch
		}
		select {
		case m.changes <- event.TypedGenericEvent[client.Object]{Object: &servers.Items[i]}:
		case <-ctx.Done():
			return
		}
	}
}

// certificate reads the Certificate of that name; nil if it does not exist.
func (m *certManager) certificate(ctx context.Context, key client.ObjectKey) (*unstructured.Unstructured, error) {
	u := aCertificate()
	if err := m.certificates.Get(ctx, key, u); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading Certificate %s: %w", key.Name, err)
	}
	return u, nil
}

func aCertificate() *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(resources.CertificateKind)
	return u
}
