package controllers

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

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
	version, _ := p.version(ctx, secretKind, name) // without it, the API server is asked
	keys, known := p.mem().hostKeys.of(version)
	if !known {
		secret, err := p.readSecret(ctx, name)
		if err != nil {
			return resources.HostKeys{}, err
		}
		if secret == nil {
			return resources.HostKeys{}, conditions.Waiting(v1alpha1.ReasonSecretNotFound, "The Secret %q in sshHostKeys.secretRef does not exist: create it with a private key in each entry, or remove sshHostKeys.secretRef to have keys made.", name)
		}
		if keys, err = resources.ReadHostKeys(secret.Data); err != nil {
			return resources.HostKeys{}, conditions.Stalled(v1alpha1.ReasonSecretInvalid, "The Secret %q with the SSH host keys cannot be used: %v.", name, err)
		}
		p.mem().hostKeys = versioned[resources.HostKeys]{version, keys}
	}
	if len(keys.LeftOut) > 0 {
		p.note(conditions.Stalled(v1alpha1.ReasonSecretInvalid, "Of the Secret %q with the SSH host keys, %s: correct or remove that. The other keys are in use.", name, strings.Join(keys.LeftOut, "; ")))
	}
	return keys, nil
}

// makeHostKeys sees to the server's own keys. Without an RSA key at hand the server
// begins with the others, if there are any: it is woken when there is one.
func (p *pass) makeHostKeys(ctx context.Context) (resources.HostKeys, error) {
	name, server := resources.HostKeysName(p.server.Name), client.ObjectKeyFromObject(p.server.FileServer)
	types := p.server.Spec.SSHHostKeys.WantedTypes()
	secret, err := p.ownSecret(ctx, name)
	if err != nil {
		return resources.HostKeys{}, fmt.Errorf("reading Secret %s: %w", name, err)
	}
	entries, err := resources.GenerateHostKeys(secret.Data, types, func() crypto.PrivateKey { return p.hostKeyMaker.keyFor(server) })
	if err != nil {
		return resources.HostKeys{}, err
	}
	if len(resources.WantedHostKeys(entries, types)) == 0 {
		return resources.HostKeys{}, conditions.Waiting(v1alpha1.ReasonProgressing, "The RSA host key is being made.")
	}
	made, err := p.putSecret(ctx, p.server.FileServer, secret, p.server.HostKeysSecretWith(entries))
	if err != nil {
		there, _ := resources.ReadHostKeys(resources.WantedHostKeys(secret.Data, types))
		return there, err
	}
	if resources.HasHostKey(entries, v1alpha1.SSHHostKeyRSA) || !slices.Contains(types, v1alpha1.SSHHostKeyRSA) {
		p.hostKeyMaker.forget(server)
	}
	version := fmt.Sprint(identity(made), types)
	if keys, ok := p.mem().hostKeys.of(version); ok {
		return keys, nil
	}
	keys, err := resources.ReadHostKeys(resources.WantedHostKeys(entries, types))
	if err == nil && len(keys.LeftOut) > 0 {
		err = errors.New(strings.Join(keys.LeftOut, "; "))
	}
	if err != nil {
		return keys, conditions.Stalled(v1alpha1.ReasonSecretInvalid, "The Secret %q with the SSH host keys cannot be used: %v; delete that entry to have it made anew.", name, err)
	}
	p.mem().hostKeys = versioned[resources.HostKeys]{version, keys}
	return keys, nil
}
