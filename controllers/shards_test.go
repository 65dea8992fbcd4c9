package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// holder is a user whose keys take so many bytes of a shard.
func (c cluster) holder(name string, bytes int) *v1alpha1.FileServerUser {
	c.t.Helper()
	cm := &corev1.ConfigMap{}
	cm.Namespace, cm.Name = c.ns, name+"-keys"
	cm.Data = map[string]string{"authorized_keys": strings.Repeat(publicKey+"\n", bytes/len(publicKey))}
	u := user(c.ns, name, "files")
	u.Spec.AuthorizedKeysFrom = []v1alpha1.KeySource{{Name: cm.Name}}
	create(c.t, cm, u)
	return u
}

// sharing are names of which all accounts are in one of many shards.
func sharing(n int) (names []string, shard int) {
	for i := 0; len(names) < n; i++ {
		name := fmt.Sprintf("partner-%d", i)
		in := resources.ShardKeyOf(name).In(resources.ManyShards)
		if len(names) == 0 {
			shard = in
		}
		if in == shard {
			names = append(names, name)
		}
	}
	return names, shard
}

// inShard waits until a Secret has the account of a user, or has it no more.
func (c cluster) inShard(secret, login string, is func(config.User) bool) {
	c.t.Helper()
	eventually(c.t, func() error {
		s := &corev1.Secret{}
		if err := api.Get(c.t.Context(), client.ObjectKey{Namespace: c.ns, Name: secret}, s); err != nil {
			return err
		}
		shard, err := config.ParseShard(s.Data[config.UsersFile])
		if err != nil {
			return err
		}
		for _, u := range shard.Users {
			if u.Name == login && is != nil && is(u) {
				return nil
			} else if u.Name == login {
				return fmt.Errorf("Secret %s has an account of %s that is not as it should be", secret, login)
			}
		}
		if is != nil {
			return fmt.Errorf("Secret %s has no account of %s", secret, login)
		}
		return nil
	})
}

func active(u config.User) bool    { return !u.Suspended }
func suspended(u config.User) bool { return u.Suspended }

func TestAServerWithManyUsersGetsPodsWithManyShardsAndRefusesTheNewestBeyondThem(t *testing.T) {
	t.Parallel()
	c, fs := serving(t)
	old := podOf(t, c.ns)
	names, shard := sharing(3)
	many := resources.UsersName("files", shard, resources.ManyShards)
	first := c.holder(names[0], resources.GrowBytes+4096)

	// Both the pods that there are and those that start have each change.
	next := c.deployment("files-1")
	if n := resources.MountedShards(&next.Spec.Template.Spec); n != resources.ManyShards {
		t.Fatalf("the new pod has the users in %d shards", n)
	}
	c.inShard("files-users", names[0], active)
	c.inShard(many, names[0], active)
	suspend := func(u *v1alpha1.FileServerUser) {
		t.Helper()
		update(t, u, func() { u.Spec.State = v1alpha1.UserSuspended })
	}
	suspend(first)
	c.inShard("files-users", names[0], suspended)
	c.inShard(many, names[0], suspended)

	c.serve(c.pod("files-1", ""))
	c.have("files-1")
	c.gone(old)
	c.inShard("files-users", names[0], nil) // nobody mounts it any more
	notReady(t, first, v1alpha1.ReasonSuspended)
	ready(t, fs, v1alpha1.ReasonReady)

	// There is no room for a third one of this size.
	c.holder(names[1], resources.ShardBytes/4)
	c.inShard(many, names[1], active)
	third := c.holder(names[2], resources.ShardBytes/4)
	isStalled(t, third, v1alpha1.ReasonTooManyUsers, `The accounts of the FileServer "files" take all the room`)
	if third.Status.Binding != nil {
		t.Error("who cannot log in has credentials to bind to")
	}
	update(t, first, func() { first.Spec.State = v1alpha1.UserActive })
	c.inShard(many, names[0], active)
	suspend(first)
	c.inShard(many, names[0], suspended)
	c.inShard(many, names[2], nil)

	if err := api.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	c.inShard(many, names[2], active)
	ready(t, third, v1alpha1.ReasonLoaded)
	c.have("files-1") // however few users there are
}

// podOf is the one pod of a namespace.
func podOf(t *testing.T, ns string) *corev1.Pod {
	t.Helper()
	var list corev1.PodList
	if err := api.List(t.Context(), &list, client.InNamespace(ns)); err != nil || len(list.Items) != 1 {
		t.Fatalf("there are %d pods, want one: %v", len(list.Items), err)
	}
	return &list.Items[0]
}

// What somebody else does to a Secret with users is taken back, although the operator
// reads it only when a watch tells of it.
func TestASecretWithUsersThatSomebodyElseChangesIsMendedAtOnce(t *testing.T) {
	t.Parallel()
	c, _ := serving(t)
	u := user(c.ns, "alice", "files")
	create(t, u)
	ready(t, u, v1alpha1.ReasonLoaded)
	secret := get(t, c.ns, "files-users", &corev1.Secret{})
	update(t, secret, func() { secret.Data[config.UsersFile] = []byte(`{"version":"v1","users":[]}`) })
	c.inShard("files-users", "alice", active)
	if err := api.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	c.inShard("files-users", "alice", active)
	c.unlabel(&corev1.Secret{}, "files-users")
	update(t, u, func() { u.Spec.State = v1alpha1.UserSuspended })
	c.inShard("files-users", "alice", suspended)
}
