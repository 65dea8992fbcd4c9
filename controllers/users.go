package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/check"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// indexServer finds users by the server they name.
const indexServer = "spec.serverRef.name"

// userState is a user, and what was found out about it.
type userState struct {
	user  *v1alpha1.FileServerUser
	login string // the name of the account
	key   resources.ShardKey
	// holder is the older user who has that name; "" if nobody has.
	holder string
	// gone is true for one who was taken out of the roster.
	gone bool
	// fresh is true while a pass looks at the user.
	fresh bool

	account config.User
	origin  resources.Origin
	// entry is the account in Secrets, and hash identifies it; nil if there is none.
	entry, before *resources.Entry // before this pass, or the last that was fresh
	hash          string
	since         time.Time // the entry is as it is
	// full is true if the account's shard has no room for it.
	full bool
	// byAddress names what of the account goes by the addresses of clients.
	byAddress []string

	// password is the plain one, if it is known, while a pass looks at the user.
	password string
	// credentials are the Secret that a generated password was read from.
	credentials corev1.Secret
	// unstored is true until a password that was just generated can be read
	// in the credentials.
	unstored bool
	// unread is true if the password's source could not be read.
	unread bool
	// put identifies the login in the credentials that were applied; "" if none is
	// known to be in place.
	put string

	said     said
	awaits   time.Duration // until its status is written
	errs     []error
	problems []*conditions.Problem
}

// fail takes down what of the user's description cannot be had.
func (u *userState) fail(err error) { u.errs = append(u.errs, err) }

// known says whether the account is in a shard.
func (u *userState) known() bool { return u.entry != nil && !u.full }

// findUsers finds out who may log in. What cannot be read of a user is that user's own
// problem, and what was last good of it stays.
func (p *pass) findUsers(ctx context.Context) (*roster, error) {
	r := p.mem().roster
	whole := p.changes == nil || !r.whole || r.memory != p.server.HashMemory()
	r.whole, r.memory = false, p.server.HashMemory()
	r.begin()
	var last resources.LastGood
	var err error
	if whole {
		last, err = p.allUsers(ctx, r)
	} else {
		err = p.changedUsers(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	r.sort()
	fresh := r.fresh()
	eachUser(fresh, func(u *userState) { p.examine(ctx, u, last) })
	for _, u := range fresh {
		if u.changed() {
			u.since = p.Clock.Now()
			r.soil(u)
		}
	}
	if r.edited {
		p.mem().forgetOthers(r.byAge)
		r.edited = false
	}
	p.awaitExpiry(r.byAge)
	r.whole = true
	return r, nil
}

// allUsers has all users looked at, as an operator does that has just started, and
// returns what was last good of them.
func (p *pass) allUsers(ctx context.Context, r *roster) (resources.LastGood, error) {
	if p.changes != nil {
		p.changes.take(client.ObjectKeyFromObject(p.server.FileServer)) // it is read now
	}
	users, err := p.listUsers(ctx)
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(users))
	for i := range users {
		r.enter(&users[i])
		there[users[i].Name] = true
	}
	for name := range r.users {
		if !there[name] {
			r.remove(name)
		}
	}
	return p.readShards(ctx, r)
}

// changedUsers has those looked at of whom something has changed.
func (p *pass) changedUsers(ctx context.Context, r *roster) error {
	changed := p.changes.take(client.ObjectKeyFromObject(p.server.FileServer))
	for name := range changed.users {
		user := &v1alpha1.FileServerUser{}
		err := p.Get(ctx, client.ObjectKey{Namespace: p.server.Namespace, Name: name}, user)
		switch {
		case client.IgnoreNotFound(err) != nil:
			return fmt.Errorf("reading FileServerUser %s: %w", name, err)
		case err != nil || !user.DeletionTimestamp.IsZero() || user.Spec.ServerRef.Name != p.server.Name:
			r.remove(name)
		default:
			r.enter(user)
		}
	}
	return p.lookAtShards(ctx, r, changed.secrets)
}

// listUsers has those who are not about to go.
func (p *pass) listUsers(ctx context.Context) ([]v1alpha1.FileServerUser, error) {
	var list v1alpha1.FileServerUserList
	err := p.List(ctx, &list, client.InNamespace(p.server.Namespace), client.MatchingFields{indexServer: p.server.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("listing users: %w", err)
	}
	return slices.DeleteFunc(list.Items, func(u v1alpha1.FileServerUser) bool { return !u.DeletionTimestamp.IsZero() }), nil
}

// examine finds out about one user. Of one who was looked at before, what was found
// then is last good, unless that was read.
func (p *pass) examine(ctx context.Context, u *userState, last resources.LastGood) {
	if last == nil {
		last = resources.LastGood{}
		if u.entry != nil {
			last.Set(u.account, u.origin)
		}
	}
	u.before, u.entry = u.entry, nil
	u.errs, u.byAddress, u.unstored, u.unread = nil, nil, false, false
	if u.holder != "" {
		u.fail(conditions.Stalled(v1alpha1.ReasonUsernameTaken, "The FileServerUser %q has the username %q already: set another spec.username.", u.holder, u.login))
		return
	}
	p.resolve(ctx, u, last)
}

// changed says whether the account is another one than before.
func (u *userState) changed() bool {
	if u.entry == nil || u.before == nil {
		return u.entry != u.before
	}
	return !u.entry.Same(u.before)
}

// resolve finds out the user's password and keys, and with them the account.
func (p *pass) resolve(ctx context.Context, u *userState, last resources.LastGood) {
	u.origin = resources.Origin{User: u.user.UID, Password: passwordSource(u.user)}
	hash, err := p.password(ctx, u, last)
	if err != nil {
		u.fail(err)
		u.unread = true
		hash = last.PasswordHash(u.user.UID, u.origin.Password)
	}
	account := resources.Account(u.user, hash, p.keys(ctx, u, last))
	if sources := u.user.Spec.AllowedSources; len(sources) > 0 {
		u.byAddress = append(u.byAddress, "spec.allowedSources")
		_, bad := check.Sources(sources)
		for _, i := range bad {
			u.fail(conditions.Stalled(v1alpha1.ReasonInvalidConfiguration, "Entry %d of spec.allowedSources is neither an address nor a network, such as 192.0.2.7 or 10.0.0.0/8: correct or remove it.", i+1))
		}
	}
	if len(u.errs) > 0 && !enough(account) {
		return
	}
	if err := account.Validate(); err != nil {
		u.fail(conditions.Stalled(v1alpha1.ReasonInvalidConfiguration, "The account would not be valid: %s.", conditions.Cut(err.Error())))
		was, origin, ok := last.Account(u.user.UID)
		if !ok || was.Name != account.Name {
			return
		}
		was.Suspended, was.ExpiresAt = account.Suspended, account.ExpiresAt
		account, u.origin = was, origin
	}
	entry, err := resources.NewEntry(&account, &u.origin)
	if err != nil {
		u.fail(fmt.Errorf("encoding the account: %w", err))
		return
	}
	u.account, u.entry, u.hash = account, &entry, entry.Hash()
}

// enough says whether somebody can log in to an account of which something is
// missing, and needs no less for it than described.
func enough(a config.User) bool {
	password, keys := a.PasswordHash != "", len(a.AuthorizedKeys) > 0
	if a.RequireAll {
		return password && keys
	}
	return password || keys
}

// awaitExpiry has a pass begin when the next user expires, to say so.
func (p *pass) awaitExpiry(users []*userState) {
	for _, u := range users {
		if t := u.user.Spec.ExpiresAt; t != nil && u.known() {
			if left := t.Sub(p.Clock.Now()); left > 0 {
				p.again(left + time.Second)
			}
		}
	}
}

// How many requests to the API server are under way at once.
const parallel = 16

// eachUser does something for all users, several at once. What fails for one
// does not keep it from being done for the others.
func eachUser(users []*userState, do func(*userState)) {
	var group sync.WaitGroup
	turns := make(chan struct{}, parallel)
	for _, u := range users {
		turns <- struct{}{}
		group.Go(func() {
			defer func() { <-turns }()
			do(u)
		})
	}
	group.Wait()
}
