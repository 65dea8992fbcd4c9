package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// lister answers for each namespace: an error, or none.
type lister struct{ errs *sync.Map }

func listerWith(namespace string, err error) lister {
	l := lister{errs: &sync.Map{}}
	l.errs.Store(namespace, err)
	return l
}

func (l lister) List(_ context.Context, _ client.ObjectList, opts ...client.ListOption) error {
	o := &client.ListOptions{}
	o.ApplyOptions(opts)
	if err, ok := l.errs.Load(o.Namespace); ok {
		return err.(error)
	}
	return nil
}

func (l lister) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("nobody asks for one object")
}

var forbidden = apierrors.NewForbidden(schema.GroupResource{Group: "fileserver.dev", Resource: "fileservers"}, "", errors.New("no RBAC policy matched"))

func TestANamespaceThatIsGoneKeepsTheOperatorFromNoOther(t *testing.T) {
	may, mayNot, err := readable(t.Context(), listerWith("gone", forbidden), []string{"a", "gone", "b"})
	if err != nil || !slices.Equal(may, []string{"a", "b"}) || !slices.Equal(mayNot, []string{"gone"}) {
		t.Errorf("it may read %v, and not %v (%v)", may, mayNot, err)
	}
	away := errors.New("connection refused")
	if _, _, err := readable(t.Context(), listerWith("a", away), []string{"a"}); !errors.Is(err, away) {
		t.Errorf("without an API server: %v", err)
	}
}

func TestTheOperatorStartsAgainWhenANamespaceIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := listerWith("gone", forbidden)
		done := make(chan error, 1)
		go func() { done <- awaitNamespaces(answers, []string{"gone"}, time.Minute)(t.Context()) }()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("the namespace is gone still, and the operator ends: %v", err)
		default:
		}
		answers.errs.Delete("gone")
		if err := <-done; err == nil || !strings.Contains(err.Error(), "gone") {
			t.Errorf("it ends with %v", err)
		}
	})
}
