package controllers

import (
	"context"
	"fmt"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

// reconcileHostKeys sees to the SSH host keys.
func (p *pass) reconcileHostKeys(ctx context.Context) error {
	if p.server.HostKeysSecret() == "" {
		return nil
	}
	var err error
	if p.server.Spec.SSHHostKeys.SecretRef != nil {
		err = p.readHostKeys(ctx)
	} else {
		err = p.makeHostKeys(ctx)
	}
	p.server.HostKeyFiles = p.hostKeys.Files
	return err
}

func (p *pass) readHostKeys(ctx context.Context) error {
	name := p.server.HostKeysSecret()
	secret, err := p.readSecret(ctx, name)
	if err != nil {
		return err
	}
	if secret == nil {
		p.blocked = true
		p.report(waiting(v1alpha1.ReasonSecretNotFound, "The Secret %q in sshHostKeys.secretRef does not exist: create it with a private key in each entry, or remove sshHostKeys.secretRef to have keys made.", name))
		return nil
	}
	if p.hostKeys, err = resources.ReadHostKeys(secret.Data); err != nil {
		p.blocked = true
		p.report(stalled(v1alpha1.ReasonSecretInvalid, "The Secret %q with the SSH host keys cannot be used: %v.", name, err))
	}
	return nil
}

func (p *pass) makeHostKeys(ctx context.Context) error {
	name := resources.HostKeysName(p.server.Name)
	secret, err := p.ownSecret(ctx, name)
	if err != nil {
		return fmt.Errorf("reading Secret %s: %w", name, err)
	}
	entries, err := resources.GenerateHostKeys(secret.Data)
	if err != nil {
		return err
	}
	if err := p.put(ctx, replacing(secret, p.server.HostKeysSecretWith(entries))); err != nil {
		return err
	}
	if p.hostKeys, err = resources.ReadHostKeys(entries); err != nil {
		p.blocked = true
		p.report(stalled(v1alpha1.ReasonSecretInvalid, "The Secret %q with the SSH host keys cannot be used: %v; delete that entry to have it made anew.", name, err))
	}
	return nil
}
