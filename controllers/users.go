package controllers

import (
	"cmp"
	"context"
	"encoding/json"
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
	user    *v1alpha1.FileServerUser
	account config.User
	origin  resources.Origin
	// entry is the hash of the account, "" if the user is not in the file.
	entry string
	// password is the plain one, if it is known.
	password string
	// credentials are the Secret that a generated password was read from.
	credentials corev1.Secret
	// unstored is true until a password that was just generated can be read
	// in the credentials.
	unstored bool
	// unread is true if the password's source could not be read.
	unread bool

	// byAddress names what of the account goes by the addresses of clients.
	byAddress []string

	errs     []error
	problems []*conditions.Problem
}

// fail takes down what of the user's description cannot be had.
func (u *userState) fail(err error) { u.errs = append(u.errs, err) }

// findUsers finds out who may log in, and reads the Secret with the users' file as it
// is. What cannot be read of a user is that user's own problem, and what was last good
// of it stays.
func (p *pass) findUsers(ctx context.Context) ([]*userState, *corev1.Secret, error) {
	users, err := p.listUsers(ctx)
	if err != nil {
		return nil, nil, err
	}
	secret, err := p.ownSecret(ctx, resources.UsersName(p.server.Name))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the users' file: %w", err)
	}
	last := resources.ReadLastGood(secret.Data)
	all := []*userState{}
	taken := map[string]string{}
	for i := range users {
		u := &userState{user: &users[i]}
		all = append(all, u)
		if other, ok := taken[u.user.LoginName()]; ok {
			u.fail(conditions.Stalled(v1alpha1.ReasonUsernameTaken, "The FileServerUser %q has the username %q already: set another spec.username.", other, u.user.LoginName()))
			continue
		}
		taken[u.user.LoginName()] = u.user.Name
	}
	eachUser(all, func(u *userState) {
		if len(u.errs) == 0 {
			p.resolve(ctx, u, last)
		}
	})
	p.mem().forgetOthers(all)
	p.awaitExpiry(all)
	return all, secret, nil
}

// stored are the users who need nothing from the steps to come: their passwords
// are stored already.
func stored(users []*userState) []*userState {
	return slices.DeleteFunc(slices.Clone(users), func(u *userState) bool { return u.unstored })
}

// listUsers has the oldest first: they keep a name that others want too.
func (p *pass) listUsers(ctx context.Context) ([]v1alpha1.FileServerUser, error) {
	var list v1alpha1.FileServerUserList
	err := p.List(ctx, &list, client.InNamespace(p.server.Namespace), client.MatchingFields{indexServer: p.server.Name})
	if err != nil {
		return nil, fmt.Errorf("listing users: %w", err)
	}
	users := slices.DeleteFunc(list.Items, func(u v1alpha1.FileServerUser) bool { return !u.DeletionTimestamp.IsZero() })
	slices.SortFunc(users, func(a, b v1alpha1.FileServerUser) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return users, nil
}

// resolve finds out the user's password and keys, and with them the account.
func (p *pass) resolve(ctx context.Context, u *userState, last resources.LastGood) {
	u.origin = resources.Origin{User: u.user.UID, Password: passwordSource(u.user)}
	hash, err := p.password(ctx, u)
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
	file := config.Users{Version: config.Version, Users: []config.User{account}}
	if err := file.Validate(); err != nil {
		u.fail(conditions.Stalled(v1alpha1.ReasonInvalidConfiguration, "The account would not be valid: %s.", conditions.Cut(err.Error())))
		was, origin, ok := last.Account(u.user.UID)
		if !ok || was.Name != account.Name {
			return
		}
		was.Suspended, was.ExpiresAt = account.Suspended, account.ExpiresAt
		account, u.origin = was, origin
	}
	b, err := json.Marshal(account)
	if err != nil {
		u.fail(fmt.Errorf("encoding the account: %w", err))
		return
	}
	u.account, u.entry = account, config.Hash(b)
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
		if t := u.user.Spec.ExpiresAt; t != nil && u.entry != "" {
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

// putUsers applies the users' file, of which it was read how it is, and returns its
// hash.
func (p *pass) putUsers(ctx context.Context, is *corev1.Secret, users []*userState) (string, error) {
	file := &config.Users{Version: config.Version, Users: []config.User{}}
	entries, origins := map[string]string{}, map[string]resources.Origin{}
	for _, u := range users {
		if u.entry != "" {
			file.Users = append(file.Users, u.account)
			entries[u.account.Name], origins[u.account.Name] = u.entry, u.origin
		}
	}
	slices.SortFunc(file.Users, func(a, b config.User) int { return cmp.Compare(a.Name, b.Name) })
	b, err := file.Marshal()
	if err != nil {
		return "", conditions.Stalled(v1alpha1.ReasonInvalidConfiguration, "The users' file would not be valid: %s.", conditions.Cut(err.Error()))
	}
	secret, err := p.server.UsersSecret(b, origins)
	if err != nil {
		return "", err
	}
	if is.ResourceVersion == "" {
		_, err = p.putSecret(ctx, p.server.FileServer, is, secret)
	} else {
		err = p.put(ctx, secret)
	}
	if err != nil {
		return "", err
	}
	hash := config.Hash(b)
	p.mem().remember(hash, entries)
	return hash, nil
}
