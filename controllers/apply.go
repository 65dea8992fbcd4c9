package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
)

// FieldOwner is under which name the operator applies.
const FieldOwner = client.FieldOwner("fileserver-operator")

// applier is the one place that writes objects. It applies server-side, as one
// field owner, and only if that would change something.
type applier struct {
	cached client.Client
	direct client.Reader // the API server itself
}

// apply makes an object as desired. The owner is a FileServer or a
// FileServerUser. The error is a conflict if the desired object has a UID and a
// resource version, and the object has others by now.
func (a applier) apply(ctx context.Context, owner client.Object, desired runtime.ApplyConfiguration) error {
	want, err := fieldsOf(desired)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s %s", want.GetKind(), want.GetName())
	uid, version := want.GetUID(), want.GetResourceVersion()
	want.SetUID("")
	want.SetResourceVersion("")
	want.SetAnnotations(with(want.GetAnnotations(), v1alpha1.AnnotationFields, fieldSet(want)))
	have, err := a.find(ctx, want)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if have != nil {
		if err := belongs(have, owner); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if holds(have.Object, want.Object) {
			return nil
		}
	}
	want.SetUID(uid)
	want.SetResourceVersion(version)
	if err := a.cached.Apply(ctx, client.ApplyConfigurationFromUnstructured(want), FieldOwner, client.ForceOwnership); err != nil {
		return fmt.Errorf("applying %s: %w", name, redact(err, want.GetKind()))
	}
	return nil
}

// find reads the object, from the API server itself if the cache lacks it: the
// cache knows only objects of the operator's.
func (a applier) find(ctx context.Context, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	key := client.ObjectKeyFromObject(want)
	obj, err := a.cached.Scheme().New(want.GroupVersionKind())
	if runtime.IsNotRegisteredError(err) {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(want.GroupVersionKind())
		if err := a.direct.Get(ctx, key, u); err != nil {
			return nil, client.IgnoreNotFound(err)
		}
		return u, nil
	}
	if err != nil {
		return nil, err
	}
	typed := obj.(client.Object)
	err = a.cached.Get(ctx, key, typed)
	if apierrors.IsNotFound(err) {
		err = a.direct.Get(ctx, key, typed)
	}
	if err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return nil, err
	}
	return &unstructured.Unstructured{Object: fields}, nil
}

// belongs says whether an object is the owner's to change. A claim has no
// owner, and is told by its label.
func belongs(have, owner client.Object) error {
	ref := metav1.GetControllerOf(have)
	switch {
	case ref == nil && have.GetLabels()[v1alpha1.LabelServer] == owner.GetName() && have.GetObjectKind().GroupVersionKind().Kind == "PersistentVolumeClaim":
		return nil
	case ref == nil:
		// cert-manager's Secret stays when its Certificate goes.
		if have.GetLabels()[v1alpha1.LabelServer] == owner.GetName() && have.GetLabels()[v1alpha1.LabelManaged] == v1alpha1.LabelTrue {
			return nil
		}
		return conditions.ErrNameTaken
	case ref.UID == owner.GetUID():
		return nil
	case ref.Name == owner.GetName() && ref.APIVersion == v1alpha1.GroupVersion.String():
		return conditions.ErrLeftover
	}
	return conditions.ErrNameTaken
}

// fieldsOf is the object that an apply configuration stands for.
func fieldsOf(desired runtime.ApplyConfiguration) (*unstructured.Unstructured, error) {
	b, err := json.Marshal(desired)
	if err != nil {
		return nil, fmt.Errorf("encoding an object: %w", err)
	}
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(b, &u.Object); err != nil {
		return nil, fmt.Errorf("encoding an object: %w", err)
	}
	return u, nil
}

// fieldSet identifies which fields are set, whatever their values. When it
// differs from what was applied last, some field may have to be given up, which
// only applying again does.
func fieldSet(want *unstructured.Unstructured) string {
	h := fnv.New64a()
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				_, _ = h.Write([]byte("." + k))
				walk(v[k])
			}
		case []any:
			for i := range v {
				_, _ = h.Write([]byte("[" + strconv.Itoa(i)))
				walk(v[i])
			}
		}
		_, _ = h.Write([]byte{0})
	}
	walk(want.Object)
	return strconv.FormatUint(h.Sum64(), 16)
}

// holds says whether have has all that is in want. More is no difference: the
// API server sets defaults, and others have fields of their own.
func holds(have, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		if !ok {
			return len(want) == 0 && have == nil
		}
		for k, v := range want {
			if !holds(have[k], v) {
				return false
			}
		}
		return true
	case []any:
		have, ok := have.([]any)
		if !ok || len(have) != len(want) {
			return false
		}
		for i := range want {
			if !holds(have[i], want[i]) {
				return false
			}
		}
		return true
	default:
		return number(have) == number(want)
	}
}

// number makes numbers comparable, which decoders read in different types.
func number(v any) any {
	switch n := v.(type) {
	case int64:
		return float64(n)
	case int32:
		return float64(n)
	}
	return v
}

// redact keeps an error about a Secret from telling what is in it.
func redact(err error, kind string) error {
	var status apierrors.APIStatus
	if kind != "Secret" || !errors.As(err, &status) {
		return err
	}
	s := status.Status()
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: s.Status, Code: s.Code, Reason: s.Reason,
		Message: "the API server refuses it: " + string(s.Reason),
	}}
}

func with(m map[string]string, key, value string) map[string]string {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

// remove deletes an object of the operator's that is no longer wanted.
func (a applier) remove(ctx context.Context, owner client.Object, obj client.Object) error {
	err := a.cached.Get(ctx, client.ObjectKeyFromObject(obj), obj)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if belongs(obj, owner) != nil || !obj.GetDeletionTimestamp().IsZero() {
		return nil
	}
	return client.IgnoreNotFound(a.cached.Delete(ctx, obj, client.PropagationPolicy(metav1.DeletePropagationBackground)))
}
