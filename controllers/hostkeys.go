package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// reconcileHostKeys sees to the SSH host keys. Where it fails, those that are
// there stay in use.
func (p *pass) reconcileHostKeys(ctx context.Context) (resources.HostKeys, error) {
	switch {
	case p.server.HostKeysSecret() == "":
		return resources.HostKeys{}, nil
	case p.server.Spec.SSHHostKeys.SecretRef != nil:
		return p.readHostKeys(ctx)
	}
	return p.makeHostKeys(ctx)
}

func (p *pass) readHostKeys(ctx context.Context) (resources.HostKeys, error) {
	name := p.server.HostKeysSecret()
	secret, err := p.readSecret(ctx, name)
	if err != nil {
		return resources.HostKeys{}, err
	}
	if secret == nil {
		return resources.HostKeys{}, conditions.Waiting(v1alpha1.ReasonSecretNotFound, "The Secret %q in sshHostKeys.secretRef does not exist: create it with a private key in each entry, or remove sshHostKeys.secretRef to have keys made.", name)
	}
	keys, err := resources.ReadHostKeys(secret.Data)
	if err != nil {
		return resources.HostKeys{}, conditions.Stalled(v1alpha1.ReasonSecretInvalid, "The Secret %q with the SSH host keys cannot be used: %v.", name, err)
	}
	if len(keys.LeftOut) > 0 {
		p.note(conditions.Stalled(v1alpha1.ReasonSecretInvalid, "Of the Secret %q with the SSH host keys, %s: correct or remove that. The other keys are in use.", name, strings.Join(keys.LeftOut, "; ")))
	}
	return keys, nil
}

func (p *pass) makeHostKeys(ctx context.Context) (resources.HostKeys, error) {
	name := resources.HostKeysName(p.server.Name)
	secret, err := p.ownSecret(ctx, name)
	if err != nil {
		return resources.HostKeys{}, fmt.Errorf("reading Secret %s: %w", name, err)
	}
	entries, err := resources.GenerateHostKeys(secret.Data)
	if err != nil {
		return resources.HostKeys{}, err
	}
	if err := p.put(ctx, replacing(secret, p.server.HostKeysSecretWith(entries))); err != nil {
		there, _ := resources.ReadHostKeys(secret.Data)
		return there, err
	}
	keys, err := resources.ReadHostKeys(entries)
	if err == nil && len(keys.LeftOut) > 0 {
		err = errors.New(strings.Join(keys.LeftOut, "; "))
	}
	if err != nil {
		err = conditions.Stalled(v1alpha1.ReasonSecretInvalid, "The Secret %q with the SSH host keys cannot be used: %v; delete that entry to have it made anew.", name, err)
	}
	return keys, err
}
