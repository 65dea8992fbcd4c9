package controllers

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// keptObjects are the objects of a server that were found to be as desired: as long as
// neither changes, they need not be compared again.
type keptObjects struct {
	mu sync.Mutex
	of map[objectKey]keptObject
}

// keptObject is which version of an object was as desired, and what that was.
type keptObject struct {
	version string // as identity has it
	desired uint64 // hash
}

var keptSeed = maphash.MakeSeed()

func newKeptObjects() *keptObjects { return &keptObjects{of: map[objectKey]keptObject{}} }

// named is what apply configurations with types of their own tell of themselves.
type named interface {
	GetAPIVersion() *string
	GetKind() *string
	GetNamespace() *string
	GetName() *string
}

func keyOfDesired(desired runtime.ApplyConfiguration) (key objectKey, gvk schema.GroupVersionKind, ok bool) {
	n, ok := desired.(named)
	if !ok || n.GetAPIVersion() == nil || n.GetKind() == nil || n.GetNamespace() == nil || n.GetName() == nil {
		return key, gvk, false
	}
	gvk = schema.FromAPIVersionAndKind(*n.GetAPIVersion(), *n.GetKind())
	return objectKey{gvk.Kind, types.NamespacedName{Namespace: *n.GetNamespace(), Name: *n.GetName()}}, gvk, true
}

// keep takes down that an object is as desired.
func (k *keptObjects) keep(desired runtime.ApplyConfiguration, encoded []byte, have client.Object) {
	key, _, ok := keyOfDesired(desired)
	if !ok {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.of[key] = keptObject{identity(have), maphash.Bytes(keptSeed, encoded)}
}

// unchanged is the object if it is known to be as desired; else nil.
func (a applier) unchanged(ctx context.Context, desired runtime.ApplyConfiguration, encoded []byte) (client.Object, error) {
	key, gvk, ok := keyOfDesired(desired)
	if !ok {
		return nil, nil
	}
	a.kept.mu.Lock()
	kept, ok := a.kept.of[key]
	a.kept.mu.Unlock()
	if !ok || kept.desired != maphash.Bytes(keptSeed, encoded) {
		return nil, nil
	}
	obj, err := a.cached.Scheme().New(gvk)
	if err != nil {
		return nil, nil // and the longer way tells why
	}
	have, ok := obj.(client.Object)
	if !ok {
		return nil, nil
	}
	if err := a.cached.Get(ctx, key.NamespacedName, have); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil, nil
		}
		return nil, fmt.Errorf("reading %s %s: %w", key.kind, key.Name, err)
	}
	if identity(have) != kept.version {
		return nil, nil
	}
	return have, nil
}
