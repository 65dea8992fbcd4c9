package main

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// lookForNamespaces is how often the operator looks whether it may read a namespace
// that it could not read when it started.
const lookForNamespaces = 30 * time.Second

// readable are those of the namespaces in which the operator may list FileServers. The
// rights in one go with it when it is deleted, and the operator, which waits until it has
// read all of them once, would do nothing for the others.
func readable(ctx context.Context, c client.Reader, namespaces []string) (may, mayNot []string, err error) {
	for _, ns := range namespaces {
		err := c.List(ctx, &v1alpha1.FileServerList{}, client.InNamespace(ns), client.Limit(1))
		switch {
		case err == nil:
			may = append(may, ns)
		case apierrors.IsForbidden(err) || apierrors.IsNotFound(err):
			mayNot = append(mayNot, ns)
		default:
			return nil, nil, fmt.Errorf("listing FileServers in the namespace %s: %w", ns, err)
		}
	}
	return may, mayNot, nil
}

// watched are the namespaces to care for, none standing for all, and those of the given
// ones that cannot be read.
func watched(ctx context.Context, cfg *rest.Config, scheme *runtime.Scheme, given []string) (namespaces, away []string, err error) {
	if len(given) == 0 {
		return nil, nil, nil
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		return nil, nil, fmt.Errorf("making a client: %w", err)
	}
	namespaces, away, err = readable(ctx, c, given)
	if err == nil && len(namespaces) == 0 {
		err = fmt.Errorf("the operator may read none of the namespaces %v", given)
	}
	return namespaces, away, err
}

// awaitNamespaces ends with an error, and with it the operator, which is then started
// again, as soon as it may read one of the namespaces.
func awaitNamespaces(c client.Reader, namespaces []string, every time.Duration) manager.RunnableFunc {
	return func(ctx context.Context) error {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			may, _, err := readable(ctx, c, namespaces)
			if err != nil {
				ctrl.Log.WithName("setup").Error(err, "Looking whether a namespace can be read")
			}
			if len(may) > 0 {
				return fmt.Errorf("starting again, since the namespaces %v can be read now", may)
			}
		}
	}
}
