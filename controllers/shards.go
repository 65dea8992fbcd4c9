package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// readShards reads the Secrets with users as they are.
func (p *pass) readShards(ctx context.Context, r *roster) (resources.LastGood, error) {
	there := map[string]*corev1.Secret{}
	ofServer := labels.SelectorFromSet(labels.Set{v1alpha1.LabelServer: p.server.Name})
	ofNoUser, err := labels.NewRequirement(v1alpha1.LabelUser, selection.DoesNotExist, nil)
	if err != nil {
		return nil, err
	}
	var list corev1.SecretList
	if err := p.List(ctx, &list, client.InNamespace(p.server.Namespace), client.MatchingLabelsSelector{Selector: ofServer.Add(*ofNoUser)}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the Secrets with users: %w", err)
	}
	for i := range list.Items {
		there[list.Items[i].Name] = &list.Items[i]
	}
	last := resources.LastGood{}
	r.used = nil
	for _, of := range []int{resources.OneShard, resources.ManyShards} {
		known := len(last)
		for i := range of {
			name := resources.UsersName(p.server.Name, i, of)
			secret := there[name]
			if secret == nil {
				secret = &corev1.Secret{}
				if p.mem().doubts(name) {
					if secret, err = p.sureSecret(ctx, name); err != nil {
						return nil, fmt.Errorf("reading the users' file: %w", err)
					}
				}
			}
			last.Read(secret.Data)
			s := r.shard(p.server.Name, i, of)
			s.found(secret)
			if s.exists && !slices.Contains(r.used, of) {
				r.used = append(r.used, of)
			}
		}
		if of == resources.ManyShards && len(r.used) == 2 && known == 0 {
			r.used = r.used[1:] // no pod mounts the first one any more
		}
	}
	return last, nil
}

// lookAtShards finds out whether somebody else has changed Secrets that the watch has
// told of.
func (p *pass) lookAtShards(ctx context.Context, r *roster, names map[string]struct{}) error {
	for name := range names {
		s := r.shards[name]
		if s == nil {
			continue
		}
		secret, err := p.ownSecret(ctx, name)
		if err != nil {
			return fmt.Errorf("reading the users' file: %w", err)
		}
		// The cache may be behind what was applied.
		order, err := resourceversion.CompareResourceVersion(secret.ResourceVersion, s.version)
		if err != nil || order > 0 {
			s.exists, s.version, s.touched = secret.ResourceVersion != "", secret.ResourceVersion, true
		}
	}
	return nil
}

// mountedShards is in how many shards new pods have the users, as far as that follows
// from those that there are: a server that has many keeps them.
func (p *pass) mountedShards() int {
	most := resources.OneShard
	for i := range p.deployments {
		most = max(most, resources.MountedShards(&p.deployments[i].Spec.Template.Spec))
	}
	return most
}

// chooseShards decides in how many shards new pods have the users, and finds out in how
// many those have them that there are. Who does not fit is told so.
func (p *pass) chooseShards(r *roster) (of int) {
	if of = p.server.UserShards; r.size() > resources.GrowBytes {
		of = resources.ManyShards
	}
	before := r.used
	r.used = []int{of}
	use := func(n int) {
		if n > 0 && !slices.Contains(r.used, n) {
			r.used = append(r.used, n)
		}
	}
	for i := range p.pods {
		use(resources.MountedShards(&p.pods[i].Spec))
	}
	for i := range p.deployments {
		d := &p.deployments[i]
		use(resources.MountedShards(&d.Spec.Template.Spec))
		edited := d.Name == resources.SharedName(p.server.Name) // others run one template
		if edited && (d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedReplicas < d.Status.Replicas) {
			for _, n := range before { // it may still start pods as they were
				use(n)
			}
		}
	}
	for i := range of {
		if s := r.shard(p.server.Name, i, of); s.dirty {
			in, out := r.fit(s)
			setFull(in, false)
			setFull(out, true)
		}
	}
	return of
}

func setFull(users []*userState, full bool) {
	for _, u := range users {
		u.full = full
	}
}

// fit are the users in a shard: the oldest, as long as there is room.
func (r *roster) fit(s *shardState) (in, out []*userState) {
	size := 0
	for _, u := range r.byAge {
		if u.entry == nil || u.key.In(s.of) != s.number {
			continue
		}
		if size += u.entry.Size(); size > resources.ShardBytes {
			out = append(out, u)
			size -= u.entry.Size()
			continue
		}
		in = append(in, u)
	}
	return in, out
}

// noRoom is what a user is told who does not fit.
func (p *pass) noRoom() *conditions.Problem {
	return conditions.Stalled(v1alpha1.ReasonTooManyUsers, "The accounts of the FileServer %q take all the room that there is for them, which older users have: remove users or keys, or give it to another FileServer.", p.server.Name)
}

// stage is when in a pass something is done.
type stage int

const (
	// early is before all other steps: for pods that there are.
	early stage = iota
	// inTime is when all is known.
	inTime
)

// putUsers applies the shards in use that have changed. One that cannot be applied
// keeps no other from it.
func (p *pass) putUsers(ctx context.Context, r *roster, at stage) error {
	var errs []error
	for _, of := range r.used {
		if at == early && !r.exists(p.server.Name, of) {
			continue
		}
		for i := range of {
			errs = append(errs, p.putShard(ctx, r, r.shard(p.server.Name, i, of), at))
		}
	}
	if at == inTime {
		errs = append(errs, p.emptyUnused(ctx, r))
	}
	p.wanted.users = r.files(p.server.Name)
	return errors.Join(errs...)
}

// exists says whether any of so many shards does.
func (r *roster) exists(server string, of int) bool {
	for i := range of {
		if r.shard(server, i, of).exists {
			return true
		}
	}
	return false
}

// haveShards says whether pods of another number of shards find them all.
func (p *pass) haveShards(r *roster) bool {
	if p.server.UserShards == p.mountedShards() {
		return true
	}
	for i := range p.server.UserShards {
		if !r.shard(p.server.Name, i, p.server.UserShards).exists {
			return false
		}
	}
	return true
}

// emptyUnused leaves no account in shards that no pod mounts any more.
func (p *pass) emptyUnused(ctx context.Context, r *roster) error {
	var errs []error
	for _, s := range r.shards {
		if !slices.Contains(r.used, s.of) && s.exists && (s.users > 0 || s.touched) {
			errs = append(errs, p.applyShard(ctx, s, nil))
		}
	}
	return errors.Join(errs...)
}

// putShard applies a shard if it has changed. Early on it is without those whose
// password is not stored yet: the shard is put again, then.
func (p *pass) putShard(ctx context.Context, r *roster, s *shardState, at stage) error {
	if !s.dirty && !s.touched && s.exists {
		return nil
	}
	in, out := r.fit(s)
	stored := slices.DeleteFunc(slices.Clone(in), func(u *userState) bool { return at == early && u.unstored })
	if err := p.applyShard(ctx, s, stored); err != nil {
		return err
	}
	s.dirty, s.all = len(stored) < len(in), len(out) == 0
	return nil
}

func (p *pass) applyShard(ctx context.Context, s *shardState, users []*userState) error {
	entries := make([]*resources.Entry, len(users))
	for i, u := range users {
		entries[i] = u.entry
	}
	shard := resources.NewShard(entries)
	hash := shard.Hash()
	if s.exists && !s.touched && s.content == hash {
		return nil
	}
	name := resources.UsersName(p.server.Name, s.number, s.of)
	if !s.exists && p.mem().doubts(name) {
		secret, err := p.sureSecret(ctx, name)
		if err != nil {
			return fmt.Errorf("reading the users' file: %w", err)
		}
		s.exists = secret.ResourceVersion != ""
	}
	desired := p.server.UsersSecret(shard, s.number, s.of)
	apply := func() (client.Object, error) { return p.apply(ctx, p.server.FileServer, desired) }
	if !s.exists {
		apply = func() (client.Object, error) {
			return p.putSecret(ctx, p.server.FileServer, &corev1.Secret{}, desired)
		}
	}
	made, err := apply()
	if err != nil {
		return err
	}
	s.exists, s.touched, s.version, s.content = true, false, made.GetResourceVersion(), hash
	s.remember(shard.FileHash(), users)
	return nil
}

// files are the hashes of the files that pods should have, by the number of shards and
// by name; none of what was never applied.
func (r *roster) files(server string) map[int]map[string]string {
	files := map[int]map[string]string{}
	for _, of := range r.used {
		files[of] = map[string]string{}
		for i := range of {
			if s := r.shard(server, i, of); s.file != "" {
				files[of][config.UsersFileOf(i, of)] = s.file
			}
		}
	}
	return files
}
