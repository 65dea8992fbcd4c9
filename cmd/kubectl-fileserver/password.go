package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// rotation gives a user another password.
type rotation struct {
	*options
	timeout time.Duration
}

func newPassword(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "password", Short: "Change passwords"}
	r := &rotation{options: o}
	rotate := &cobra.Command{
		Use: "rotate USER", Short: "Have the operator make another password for a FileServerUser",
		Long: `Have the operator make another password for a FileServerUser, in place of the one that it
has made. It is in the user's credentials then, and sessions that began with the old one
end. A password from a Secret of yours is changed there.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeUsers,
		RunE:              func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0]) },
	}
	rotate.Flags().DurationVar(&r.timeout, "timeout", time.Minute, "how long to wait for the new password")
	cmd.AddCommand(rotate)
	return cmd
}

func (r *rotation) run(ctx context.Context, name string) error {
	c, namespace, err := r.connect()
	if err != nil {
		return err
	}
	user := &v1alpha1.FileServerUser{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, user); err != nil {
		return err
	}
	switch {
	case !user.Spec.GeneratesPassword() && user.Spec.Password != nil:
		return fmt.Errorf("the password of %s is that in the Secret %s: change it there", name, user.Spec.Password.SecretRef.Name)
	case !user.Spec.GeneratesPassword():
		return fmt.Errorf("%s logs in with keys and has no password", name)
	case user.Status.Binding == nil:
		return fmt.Errorf("%s has no credentials yet: see `kubectl describe fileserveruser %s`", name, name)
	}
	key := client.ObjectKey{Namespace: namespace, Name: user.Status.Binding.Name}
	old := &corev1.Secret{}
	if err := c.Get(ctx, key, old); err != nil {
		return fmt.Errorf("reading the credentials: %w", err)
	}
	// Deleted is what was read, and nothing that was made meanwhile.
	if err := c.Delete(ctx, old, client.Preconditions{UID: &old.UID, ResourceVersion: &old.ResourceVersion}); err != nil {
		return fmt.Errorf("deleting the credentials, so that the operator makes new ones: %w", err)
	}
	if err := r.await(ctx, c, key, old); err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.Out, "%s has another password, in the Secret %s\n", name, key.Name)
	return err
}

// await waits for credentials with another password.
func (r *rotation) await(ctx context.Context, c client.Client, key client.ObjectKey, old *corev1.Secret) error {
	const beat = 200 * time.Millisecond
	err := wait.PollUntilContextTimeout(ctx, beat, r.timeout, true, func(ctx context.Context) (bool, error) {
		now := &corev1.Secret{}
		err := c.Get(ctx, key, now)
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		password := string(now.Data["password"])
		return err == nil && password != "" && password != string(old.Data["password"]), err
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		return errors.New("the operator has made no new credentials yet: see whether it runs")
	}
	return err
}
