package controllers

import (
	"context"
	"crypto/sha256"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/check"
)

// passwordSource names where the user's password comes from; "" if there is
// none.
func passwordSource(u *v1alpha1.FileServerUser) string {
	switch {
	case u.Spec.GeneratesPassword():
		return "generated"
	case u.Spec.Password == nil:
		return ""
	}
	ref := u.Spec.Password.SecretRef
	return entryID(secretKind, ref.Name, ref.Key)
}

// password finds out the user's password: its hash, and, if it is known, the
// password itself. What was hashed before an operator started is among what is last good.
func (p *pass) password(ctx context.Context, u *userState, last resources.LastGood) (string, error) {
	spec := &u.user.Spec
	switch {
	case spec.GeneratesPassword():
		secret, err := p.ownSecret(ctx, resources.CredentialsName(u.user.Name))
		if err != nil {
			return "", fmt.Errorf("reading the credentials: %w", err)
		}
		u.credentials = *secret
		if u.password = string(secret.Data[resources.KeyPassword]); u.password == "" {
			u.unstored = true
			if u.password, err = resources.GeneratePassword(); err != nil {
				return "", err
			}
		}
		return p.hash(u.user.UID, []byte(u.password), func() (string, error) {
			if known := last.PasswordHash(u.user.UID, passwordSource(u.user)); resources.IsHashOf(known, u.password, u.user.UID) {
				return known, nil
			}
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
	if err := missingEntry(state, v1alpha1.ReasonSecretNotFound, "Secret", ref.Name, ref.Key, "password.secretRef"); err != nil {
		return "", err
	}
	hash, err := p.hash(u.user.UID, content, func() (string, error) {
		return resources.HashChosen(content, u.user.UID, p.server.HashMemory())
	})
	if err != nil {
		return "", conditions.Stalled(v1alpha1.ReasonSecretInvalid, "The entry %q of the Secret %q cannot be the password: %v.", ref.Key, ref.Name, err)
	}
	if plain := resources.ChosenPassword(content); !check.LooksLikeHash(plain) {
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
