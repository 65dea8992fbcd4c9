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
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
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
	others client.Reader // kinds that the operator has no types for
	direct client.Reader // the API server itself
	echoes *echoes       // of what it writes; nil: nothing listens
	kept   *keptObjects  // what was found to be as desired
	// missed is set if a watch told of what others wrote while the applier wrote, and no
	// pass follows on that by itself.
	missed *atomic.Bool
}

// unborn is a resource version that no object has. An apply with it makes an object
// that does not exist, and is a conflict with one that does.
const unborn = "1"

// apply makes an object as desired, and returns it. The owner is a FileServer or a
// FileServerUser. The error is a conflict if the desired object has a UID and a
// resource version, and the object has others by now; or if it is [unborn], and the
// object exists.
func (a applier) apply(ctx context.Context, owner client.Object, desired runtime.ApplyConfiguration) (client.Object, error) {
	encoded, err := json.Marshal(desired)
	if err != nil {
		return nil, fmt.Errorf("encoding an object: %w", err)
	}
	if same, err := a.unchanged(ctx, desired, encoded); same != nil || err != nil {
		return same, err
	}
	made, err := a.makeSo(ctx, owner, desired, encoded)
	if made == nil {
		return nil, err
	}
	return made, err
}

// makeSo is apply for what is not known to be as desired already.
func (a applier) makeSo(ctx context.Context, owner client.Object, desired runtime.ApplyConfiguration, encoded []byte) (*unstructured.Unstructured, error) {
	want, err := fieldsOf(encoded)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s %s", want.GetKind(), want.GetName())
	uid, version := want.GetUID(), want.GetResourceVersion()
	want.SetUID("")
	want.SetResourceVersion("")
	want.SetAnnotations(with(want.GetAnnotations(), v1alpha1.AnnotationFields, fieldSet(want)))
	have, err := a.find(ctx, want)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if have == nil {
		// Most objects that the cache lacks do not exist. To find out by making
		// them costs no request besides.
		if version == "" || version == unborn {
			made, err := a.write(ctx, want, "", unborn)
			if !apierrors.IsConflict(err) || version == unborn {
				return made, applying(name, err)
			}
		}
		if have, err = a.ask(ctx, want); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
	}
	if have != nil {
		if err := belongs(have, owner); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		read := have.GetResourceVersion()
		if err := a.disown(ctx, have, owner); err != nil {
			return nil, fmt.Errorf("taking over %s: %w", name, redact(err, want.GetKind()))
		}
		if version == read {
			version = have.GetResourceVersion()
		}
		if holds(have.Object, want.Object) {
			a.kept.keep(desired, encoded, have)
			return have, nil
		}
	}
	made, err := a.write(ctx, want, uid, version)
	return made, applying(name, err)
}

// write applies the fields, in the place of the object with that UID and resource
// version, if there are any.
func (a applier) write(ctx context.Context, fields *unstructured.Unstructured, uid types.UID, version string) (*unstructured.Unstructured, error) {
	u := fields.DeepCopy()
	u.SetUID(uid)
	u.SetResourceVersion(version)
	key := objectKey{u.GetKind(), client.ObjectKeyFromObject(u)}
	a.echoes.begin(key)
	// The answer takes the place of what is sent.
	err := a.cached.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), FieldOwner, client.ForceOwnership)
	made := u.GetResourceVersion()
	if err != nil {
		made = ""
	}
	if a.echoes.end(key, made) {
		a.missed.Store(true)
	}
	if err != nil {
		return nil, redact(err, fields.GetKind())
	}
	return u, nil
}

func applying(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("applying %s: %w", name, err)
}

// find reads the object from the cache, which knows only objects of the operator's,
// and is a little behind; nil if it lacks it.
func (a applier) find(ctx context.Context, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return read(ctx, a.cached.Scheme(), a.cached, a.others, want)
}

// ask reads the object from the API server itself; nil if it does not exist.
func (a applier) ask(ctx context.Context, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return read(ctx, a.cached.Scheme(), a.direct, a.direct, want)
}

// read reads an object from one of two readers: known is for kinds with a type of
// their own.
func read(ctx context.Context, scheme *runtime.Scheme, known, others client.Reader, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	key, u := client.ObjectKeyFromObject(want), &unstructured.Unstructured{}
	obj, err := scheme.New(want.GroupVersionKind())
	if runtime.IsNotRegisteredError(err) {
		u.SetGroupVersionKind(want.GroupVersionKind())
		if err := others.Get(ctx, key, u); err != nil {
			return nil, client.IgnoreNotFound(err)
		}
		return u, nil
	}
	if err != nil {
		return nil, err
	}
	typed := obj.(client.Object)
	if err := known.Get(ctx, key, typed); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if u.Object, err = runtime.DefaultUnstructuredConverter.ToUnstructured(typed); err != nil {
		return nil, err
	}
	u.SetGroupVersionKind(want.GroupVersionKind())
	return u, nil
}

// belongs says whether an object is the owner's to change. What carries the
// operator's labels is: a backup may have restored it without its owner, or with the
// UID that its owner had before. What does not is somebody else's, whatever its name.
func belongs(have, owner client.Object) error {
	ref := metav1.GetControllerOf(have)
	switch {
	case ref != nil && ref.UID == owner.GetUID():
		return nil
	case !labelled(have, owner) || ref != nil && !formerly(*ref, owner):
		return conditions.ErrNameTaken
	case !have.GetDeletionTimestamp().IsZero():
		return conditions.ErrLeftover
	}
	return nil
}

// labelled says whether an object has the labels of those that the operator makes
// for the owner, a FileServer or a FileServerUser.
func labelled(have, owner client.Object) bool {
	l := have.GetLabels()
	if l[v1alpha1.LabelManaged] != v1alpha1.LabelTrue {
		return false
	}
	if _, user := owner.(*v1alpha1.FileServerUser); user {
		return l[v1alpha1.LabelUser] == owner.GetName()
	}
	return l[v1alpha1.LabelServer] == owner.GetName() && l[v1alpha1.LabelUser] == ""
}

// formerly says whether a reference is to the owner as it was before it was made
// anew: of the same kind and name, with another UID.
func formerly(ref metav1.OwnerReference, owner client.Object) bool {
	return ref.APIVersion == v1alpha1.GroupVersion.String() && ref.Kind == kindOf(owner) &&
		ref.Name == owner.GetName() && ref.UID != owner.GetUID()
}

func kindOf(owner client.Object) string {
	if _, user := owner.(*v1alpha1.FileServerUser); user {
		return "FileServerUser"
	}
	return "FileServer"
}

// disown removes references to the owner as it was before. Server-side apply would
// add one beside them, and an object has one controller at most.
func (a applier) disown(ctx context.Context, have *unstructured.Unstructured, owner client.Object) error {
	refs := have.GetOwnerReferences()
	kept := slices.DeleteFunc(slices.Clone(refs), func(r metav1.OwnerReference) bool { return formerly(r, owner) })
	if len(kept) == len(refs) {
		return nil
	}
	before := have.DeepCopy()
	have.SetOwnerReferences(kept)
	return a.cached.Patch(ctx, have, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), FieldOwner)
}

// fieldsOf is the object that an apply configuration stands for.
func fieldsOf(encoded []byte) (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(encoded, &u.Object); err != nil {
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
