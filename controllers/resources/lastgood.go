package resources

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// originsFile is the entry of the Secret with the users that tells what each
// account was made from. The server does not read it.
const originsFile = "origins.json"

// Origin tells what an account was made from. Only names are in it.
type Origin struct {
	User     types.UID    `json:"uid"`
	Password string       `json:"password,omitempty"`
	Keys     []KeysOrigin `json:"keys,omitempty"`
}

// KeysOrigin is a source of keys, and how many of the account's keys are from it.
type KeysOrigin struct {
	From  string `json:"from"`
	Count int    `json:"count"`
}

// LastGood is what was last in force of each user, by the UID of its object: a
// user who is deleted and made again inherits nothing.
type LastGood map[types.UID]lastGood

type lastGood struct {
	account config.User
	origin  Origin
}

// Read reads it from the data of a Secret with users. What cannot be read was not
// written by the operator, and counts as nothing.
func (l LastGood) Read(data map[string][]byte) {
	file, err := config.ParseUsers(data[config.UsersFile])
	var origins map[string]Origin
	if err != nil || json.Unmarshal(data[originsFile], &origins) != nil {
		return
	}
	for _, account := range file.Users {
		if o, ok := origins[account.Name]; ok {
			l.Set(account, o)
		}
	}
}

// Set says what is last good of a user.
func (l LastGood) Set(account config.User, o Origin) {
	if o.counts() <= len(account.AuthorizedKeys) {
		l[o.User] = lastGood{account, o}
	}
}

func (o Origin) counts() (sum int) {
	for _, k := range o.Keys {
		sum += k.Count
	}
	return sum
}

// Account is the whole account of the user.
func (l LastGood) Account(user types.UID) (config.User, Origin, bool) {
	g, ok := l[user]
	return g.account, g.origin, ok
}

// PasswordHash is the hash that was made of the user's password from that
// source; "" if there is none.
func (l LastGood) PasswordHash(user types.UID, from string) string {
	g := l[user]
	if g.origin.Password != from {
		return ""
	}
	return g.account.PasswordHash
}

// Keys are the user's keys from that source. The sources' keys are the last of
// an account's, in the order of the sources.
func (l LastGood) Keys(user types.UID, from string) []string {
	g := l[user]
	at := len(g.account.AuthorizedKeys) - g.origin.counts()
	for _, k := range g.origin.Keys {
		if k.From == from {
			return g.account.AuthorizedKeys[at : at+k.Count]
		}
		at += k.Count
	}
	return nil
}

// marshalOrigin returns the bytes of an origin, under the name of the account.
func marshalOrigin(name string, o *Origin) ([]byte, error) {
	b, err := json.Marshal(map[string]*Origin{name: o})
	if err != nil {
		return nil, fmt.Errorf("encoding the origin of an account: %w", err)
	}
	return b[1 : len(b)-1], nil
}
