package controllers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// indexServer finds users by the server they name.
const indexServer = "spec.serverRef.name"

// userState is a user, and what was found out about it.
type userState struct {
	user    *v1alpha1.FileServerUser
	account config.User
	// entry is the hash of the account, "" if the user is not in the file.
	entry string
	// password is the plain one, if it is known.
	password string
	// credentials are the Secret that a generated password was read from.
	credentials corev1.Secret
	problem     *problem
}

// reconcileUsers sees to the users' file and to what each user's applications
// bind to. A user that cannot be served does not keep the others from it.
func (p *pass) reconcileUsers(ctx context.Context) error {
	users, err := p.listUsers(ctx)
	if err != nil {
		return err
	}
	taken := map[string]string{}
	for i := range users {
		u := &userState{user: &users[i]}
		p.users = append(p.users, u)
		if other, ok := taken[u.user.LoginName()]; ok {
			u.problem = stalled(v1alpha1.ReasonUsernameTaken, "The FileServerUser %q has the username %q already: set another spec.username.", other, u.user.LoginName())
			continue
		}
		taken[u.user.LoginName()] = u.user.Name
	}
	if err := p.eachUser(ctx, func(ctx context.Context, u *userState) error {
		if u.problem != nil {
			return nil
		}
		return p.resolve(ctx, u)
	}); err != nil {
		return err
	}
	p.awaitExpiry()
	if err := p.putCredentials(ctx); err != nil {
		return err
	}
	return p.putUsers(ctx)
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
func (p *pass) resolve(ctx context.Context, u *userState) error {
	hash, err := p.password(ctx, u)
	if err != nil || u.problem != nil {
		return err
	}
	keys, err := p.keys(ctx, u)
	if err != nil || u.problem != nil {
		return err
	}
	u.account = resources.Account(u.user, hash, keys)
	file := config.Users{Version: config.Version, Users: []config.User{u.account}}
	if err := file.Validate(); err != nil {
		u.problem = stalled(v1alpha1.ReasonInvalidConfiguration, "The account would not be valid: %v.", err)
		return nil
	}
	b, err := json.Marshal(u.account)
	if err != nil {
		return fmt.Errorf("encoding the account: %w", err)
	}
	u.entry = config.Hash(b)
	return nil
}

// awaitExpiry has a pass begin when the next user expires, to say so.
func (p *pass) awaitExpiry() {
	for _, u := range p.users {
		if t := u.user.Spec.ExpiresAt; t != nil && u.entry != "" {
			if left := t.Sub(p.Clock.Now()); left > 0 {
				p.again(left + time.Second)
			}
		}
	}
}

// How many requests to the API server are under way at once.
const parallel = 16

// eachUser does something for all users, several at once.
func (p *pass) eachUser(ctx context.Context, do func(context.Context, *userState) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, u := range p.users {
		group.Go(func() error {
			if err := do(ctx, u); err != nil {
				return fmt.Errorf("user %s: %w", u.user.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// password finds out the user's password: its hash, and, if it is known, the
// password itself.
func (p *pass) password(ctx context.Context, u *userState) (string, error) {
	spec := &u.user.Spec
	switch {
	case spec.GeneratesPassword():
		secret, err := p.ownSecret(ctx, resources.CredentialsName(u.user.Name))
		if err != nil {
			return "", fmt.Errorf("reading the credentials: %w", err)
		}
		u.credentials = *secret
		if u.password = string(secret.Data[resources.KeyPassword]); u.password == "" {
			if u.password, err = resources.GeneratePassword(); err != nil {
				return "", err
			}
		}
		return p.hash(u.user.UID, []byte(u.password), func() (string, error) {
			return resources.HashGenerated(u.password, u.user.UID)
		})
	case spec.Password == nil:
		return "", nil
	}
	ref := spec.Password.SecretRef
	content, state, err := p.entry(ctx, secretKind, ref.Name, ref.Key)
	if err != nil {
		return "", err
	}
	if u.problem = missingEntry(state, v1alpha1.ReasonSecretNotFound, "Secret", ref.Name, ref.Key, "password.secretRef"); u.problem != nil {
		return "", nil
	}
	hash, err := p.hash(u.user.UID, content, func() (string, error) {
		return resources.HashChosen(content, u.user.UID)
	})
	if err != nil {
		u.problem = stalled(v1alpha1.ReasonSecretInvalid, "The entry %q of the Secret %q cannot be the password: %v.", ref.Key, ref.Name, err)
		return "", nil
	}
	if plain := resources.ChosenPassword(content); !resources.IsHash(plain) {
		u.password = plain
	}
	return hash, nil
}

// hash hashes a password, unless that was done before: it is slow by design.
func (p *pass) hash(user types.UID, password []byte, hash func() (string, error)) (string, error) {
	of := sha256.Sum256(password)
	if h, ok := p.mem().hash(user, of); ok {
		return h, nil
	}
	h, err := hash()
	if err == nil {
		p.mem().keepHash(user, hashMemory{of: of, hash: h})
	}
	return h, err
}

// keys are the user's authorized keys.
func (p *pass) keys(ctx context.Context, u *userState) ([]string, error) {
	var keys []string
	add := func(where string, lines []string) bool {
		for i, line := range lines {
			if err := resources.CheckKeyLine(line); err != nil {
				u.problem = stalled(v1alpha1.ReasonKeyInvalid, "Key %d of %s is not a public key as in an authorized_keys file: correct it.", i+1, where)
				return false
			}
		}
		keys = append(keys, lines...)
		return true
	}
	if !add("authorizedKeys", u.user.Spec.AuthorizedKeys) {
		return nil, nil
	}
	for _, from := range u.user.Spec.AuthorizedKeysFrom {
		kind, reason := configMapKind, v1alpha1.ReasonConfigMapNotFound
		if from.Kind == v1alpha1.KeysInSecret {
			kind, reason = secretKind, v1alpha1.ReasonSecretNotFound
		}
		content, state, err := p.entry(ctx, kind, from.Name, from.Key)
		if err != nil {
			return nil, err
		}
		if u.problem = missingEntry(state, reason, kind.Kind, from.Name, from.Key, "authorizedKeysFrom"); u.problem != nil {
			return nil, nil
		}
		if !add(fmt.Sprintf("entry %q of the %s %q", from.Key, kind.Kind, from.Name), resources.KeyLines(string(content))) {
			return nil, nil
		}
	}
	return keys, nil
}

// putUsers applies the users' file.
func (p *pass) putUsers(ctx context.Context) error {
	file := &config.Users{Version: config.Version, Users: []config.User{}}
	entries := map[string]string{}
	for _, u := range p.users {
		if u.entry != "" {
			file.Users = append(file.Users, u.account)
			entries[u.account.Name] = u.entry
		}
	}
	slices.SortFunc(file.Users, func(a, b config.User) int { return cmp.Compare(a.Name, b.Name) })
	b, err := file.Marshal()
	if err != nil {
		p.report(stalled(v1alpha1.ReasonInvalidConfiguration, "The users' file would not be valid: %v.", err))
		return nil
	}
	p.wanted.users = config.Hash(b)
	p.mem().remember(p.wanted.users, entries)
	return p.put(ctx, p.server.UsersSecret(b))
}

// putCredentials applies what applications bind to.
func (p *pass) putCredentials(ctx context.Context) error {
	login := resources.Login{
		Endpoints: p.server.Endpoints(),
		CA:        p.tls.ca,
		HostKeys:  p.hostKeys.Public,
		Served:    served(p.server.Spec.ServedProtocols()),
	}
	return p.eachUser(ctx, func(ctx context.Context, u *userState) error {
		if u.problem != nil {
			return nil
		}
		mine := login
		mine.Password = u.password
		err := p.apply(ctx, u.user, replacing(&u.credentials, resources.Credentials(u.user, mine)))
		if problem := refused(err); problem != nil {
			// A password that is nowhere to be read is of no use.
			u.problem, u.entry = problem, ""
			return nil
		}
		return err
	})
}

func served(p v1alpha1.Protocols) []v1alpha1.ProtocolName {
	var names []v1alpha1.ProtocolName
	if p.FTP != nil {
		names = append(names, v1alpha1.ProtocolFTP)
	}
	if p.FTPS != nil {
		names = append(names, v1alpha1.ProtocolFTPS)
	}
	if p.SFTP != nil {
		names = append(names, v1alpha1.ProtocolSFTP)
	}
	return names
}

func (p *pass) mem() *serverMemory {
	return p.memory.of(client.ObjectKeyFromObject(p.server.FileServer))
}
