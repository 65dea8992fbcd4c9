package controllers

import (
	"reflect"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// echoes keep passes from following on what the operator has written itself: a watch
// tells of it as of any other change. The pass that wrote it knows of it.
type echoes struct {
	mu sync.Mutex
	of map[objectKey]*echo
}

type objectKey struct {
	kind string
	types.NamespacedName
}

// echo is what is expected of the watch on one object.
type echo struct {
	writing bool     // now: which version it will be is not known yet
	held    []string // versions that the watch has told meanwhile
	made    string   // the version that was written, until the watch tells it
}

func newEchoes() *echoes { return &echoes{of: map[objectKey]*echo{}} }

// begin is called before an object is written.
func (e *echoes) begin(key objectKey) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.of[key] = &echo{writing: true}
}

// end is called after that, with the version that it has now; "" if it was not
// written. It says whether the watch has told of other versions meanwhile.
func (e *echoes) end(key objectKey, version string) (missed bool) {
	if e == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	one := e.of[key]
	delete(e.of, key)
	if one == nil { // it was deleted
		return true
	}
	heard := version == ""
	for _, v := range one.held {
		heard = heard || v == version
		missed = missed || v != version
	}
	if !heard {
		e.of[key] = &echo{made: version}
	}
	return missed
}

// news says whether what a watch tells of an object is news.
func (e *echoes) news(kind string, obj client.Object) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := objectKey{kind, client.ObjectKeyFromObject(obj)}
	one := e.of[key]
	switch {
	case one == nil:
		return true
	case one.writing:
		one.held = append(one.held, obj.GetResourceVersion())
		return false
	case one.made == obj.GetResourceVersion():
		delete(e.of, key)
		return false
	}
	return true
}

// forget forgets an object that is gone.
func (e *echoes) forget(kind string, obj client.Object) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.of, objectKey{kind, client.ObjectKeyFromObject(obj)})
}

// changes are those of objects like this one that the operator has not made itself.
func (e *echoes) changes(like client.Object) builder.Predicates {
	kind := reflect.TypeOf(like).Elem().Name()
	return builder.WithPredicates(predicate.Funcs{
		CreateFunc: func(c event.CreateEvent) bool { return e.news(kind, c.Object) },
		UpdateFunc: func(u event.UpdateEvent) bool {
			return u.ObjectOld.GetResourceVersion() == u.ObjectNew.GetResourceVersion() || e.news(kind, u.ObjectNew)
		},
		DeleteFunc: func(d event.DeleteEvent) bool {
			e.forget(kind, d.Object)
			return true
		},
	})
}
