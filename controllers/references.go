package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
)

var (
	secretKind    = schema.GroupVersionKind{Version: "v1", Kind: "Secret"}
	configMapKind = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	claimKind     = schema.GroupVersionKind{Version: "v1", Kind: "PersistentVolumeClaim"}
)

// readSecret reads a Secret that somebody named; nil if it does not exist.
// Only the metadata of such Secrets is in memory.
func (p *pass) readSecret(ctx context.Context, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	if err := p.Direct.Get(ctx, client.ObjectKey{Namespace: p.server.Namespace, Name: name}, secret); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading Secret %s: %w", name, err)
	}
	return secret, nil
}

func (p *pass) readConfigMap(ctx context.Context, name string) (*corev1.ConfigMap, error) {
	cm := &corev1.ConfigMap{}
	if err := p.Direct.Get(ctx, client.ObjectKey{Namespace: p.server.Namespace, Name: name}, cm); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading ConfigMap %s: %w", name, err)
	}
	return cm, nil
}

// version identifies the content of a Secret, a ConfigMap or a claim that is not the
// operator's, from its metadata; "" if there is none.
func (p *pass) version(ctx context.Context, kind schema.GroupVersionKind, name string) (string, error) {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(kind)
	if err := p.Metadata.Get(ctx, client.ObjectKey{Namespace: p.server.Namespace, Name: name}, m); err != nil {
		return "", client.IgnoreNotFound(err)
	}
	return identity(m), nil
}

// identity identifies an object's content.
func identity(obj metav1.Object) string {
	return string(obj.GetUID()) + "/" + obj.GetResourceVersion()
}

// entryState says whether an entry was there.
type entryState int

const (
	entryFound entryState = iota
	objectMissing
	entryMissing
)

// entry reads one entry of a Secret or ConfigMap that somebody named. It asks
// the API server only if the object has changed since the last time.
func (p *pass) entry(ctx context.Context, kind schema.GroupVersionKind, name, key string) ([]byte, entryState, error) {
	id := entryID(kind, name, key)
	version, _ := p.version(ctx, kind, name) // without it, the API server is asked
	if m, ok := p.mem().entry(id, version); ok {
		return m.content, m.state, nil
	}
	content, state, err := p.readEntry(ctx, kind, name, key)
	if err == nil {
		p.mem().keepEntry(id, entryMemory{version: version, state: state, content: content})
	}
	return content, state, err
}

func entryID(kind schema.GroupVersionKind, name, key string) string {
	return kind.Kind + "/" + name + "/" + key
}

func (p *pass) readEntry(ctx context.Context, kind schema.GroupVersionKind, name, key string) ([]byte, entryState, error) {
	if kind == secretKind {
		secret, err := p.readSecret(ctx, name)
		if err != nil || secret == nil {
			return nil, objectMissing, err
		}
		if content, ok := secret.Data[key]; ok {
			return content, entryFound, nil
		}
		return nil, entryMissing, nil
	}
	cm, err := p.readConfigMap(ctx, name)
	if err != nil || cm == nil {
		return nil, objectMissing, err
	}
	if content, ok := cm.Data[key]; ok {
		return []byte(content), entryFound, nil
	}
	return nil, entryMissing, nil
}

// missingEntry is the problem with an entry that was not there.
func missingEntry(state entryState, reason, kind, name, key, field string) error {
	switch state {
	case objectMissing:
		return conditions.Waiting(reason, "The %s %q in %s does not exist: create it, or name another one.", kind, name, field)
	case entryMissing:
		return conditions.Waiting(reason, "The %s %q in %s has no entry %q: add it, or name another one.", kind, name, field, key)
	}
	return nil
}
