package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/check"
)

// keys are the user's authorized keys. A line that is no key is left out alone;
// of a source that cannot be read, the keys that were there last stay.
func (p *pass) keys(ctx context.Context, u *userState, last resources.LastGood) []string {
	keys := p.goodKeys(u, "authorizedKeys", u.user.Spec.AuthorizedKeys)
	for _, from := range u.user.Spec.AuthorizedKeysFrom {
		kind, reason := kindOfKeys(from), v1alpha1.ReasonConfigMapNotFound
		if kind == secretKind {
			reason = v1alpha1.ReasonSecretNotFound
		}
		source := entryID(kind, from.Name, from.Key)
		content, state, err := p.entry(ctx, kind, from.Name, from.Key)
		if err == nil {
			err = missingEntry(state, reason, kind.Kind, from.Name, from.Key, "authorizedKeysFrom")
		}
		var more []string
		if err != nil {
			u.fail(err)
			more = last.Keys(u.user.UID, source)
		} else {
			more = p.goodKeys(u, fmt.Sprintf("entry %q of the %s %q", from.Key, kind.Kind, from.Name), resources.KeyLines(string(content)))
		}
		keys = append(keys, more...)
		u.origin.Keys = append(u.origin.Keys, resources.KeysOrigin{From: source, Count: len(more)})
	}
	return keys
}

func kindOfKeys(from v1alpha1.KeySource) schema.GroupVersionKind {
	if from.Kind == v1alpha1.KeysInSecret {
		return secretKind
	}
	return configMapKind
}

// sourcesOf are the entries of Secrets and ConfigMaps that a user names.
func sourcesOf(u *v1alpha1.FileServerUser) (ids []string) {
	if u.Spec.Password != nil && u.Spec.Password.SecretRef != nil {
		ids = append(ids, passwordSource(u))
	}
	for _, from := range u.Spec.AuthorizedKeysFrom {
		ids = append(ids, entryID(kindOfKeys(from), from.Name, from.Key))
	}
	return ids
}

// goodKeys are the lines that are keys.
func (p *pass) goodKeys(u *userState, where string, lines []string) []string {
	var good []string
	for i, line := range lines {
		key, err := check.ParseKey(line)
		if err != nil {
			u.fail(conditions.Stalled(v1alpha1.ReasonKeyInvalid, "Key %d of %s %v: correct or remove it.", i+1, where, err))
			continue
		}
		if len(key.From) > 0 {
			u.byAddress = append(u.byAddress, fmt.Sprintf(`the option "from" of key %d of %s`, i+1, where))
		}
		good = append(good, line)
	}
	return good
}
