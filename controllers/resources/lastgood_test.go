package resources_test

import (
	"slices"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestWhatWasLastGoodIsThatOfTheSameUserAndSource(t *testing.T) {
	entry, err := resources.NewEntry(&config.User{
		Name: "alice", Home: "alice", Access: config.AccessReadWrite, PasswordHash: "$6$x", AuthorizedKeys: []string{"inline", "a1", "a2", "b1"},
	}, &resources.Origin{
		User: "uid-1", Password: "Secret/p/password", Keys: []resources.KeysOrigin{{From: "Secret/a/keys", Count: 2}, {From: "Secret/none/keys"}, {From: "Secret/b/keys", Count: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	secret := resources.Server{FileServer: server(t, `{}`).FileServer}.UsersSecret(resources.NewShard([]*resources.Entry{&entry}), 0, resources.OneShard)
	last := resources.LastGood{}
	last.Read(secret.Data)
	if got := last.PasswordHash("uid-1", "Secret/p/password"); got != "$6$x" {
		t.Errorf("the hash from the same source is %q", got)
	}
	if got := last.PasswordHash("uid-1", "Secret/other/password"); got != "" {
		t.Errorf("the hash from another source is %q", got)
	}
	if got := last.PasswordHash("uid-2", "Secret/p/password"); got != "" {
		t.Errorf("a user of another UID inherits %q", got)
	}
	for from, want := range map[string][]string{"Secret/a/keys": {"a1", "a2"}, "Secret/none/keys": {}, "Secret/b/keys": {"b1"}, "Secret/c/keys": nil} {
		if got := last.Keys("uid-1", from); !slices.Equal(got, want) {
			t.Errorf("the keys from %s are %v, want %v", from, got, want)
		}
	}
	if got := last.Keys("uid-2", "Secret/a/keys"); got != nil {
		t.Errorf("a user of another UID inherits %v", got)
	}
}

func TestWhatTheOperatorHasNotWrittenIsNotLastGood(t *testing.T) {
	for name, data := range map[string]map[string][]byte{
		"nothing":              nil,
		"no users' file":       {"users.json": []byte("{"), "origins.json": []byte("{}")},
		"no origins":           {"users.json": []byte(`{"version":"` + config.Version + `","users":[]}`)},
		"more keys than there": {"users.json": []byte(`{"version":"` + config.Version + `","users":[{"name":"a","home":"a","access":"ReadOnly"}]}`), "origins.json": []byte(`{"a":{"uid":"u","keys":[{"from":"x","count":3}]}}`)},
	} {
		last := resources.LastGood{}
		last.Read(data)
		if _, _, ok := last.Account("u"); ok || last.Keys("u", "x") != nil {
			t.Errorf("%s: something is last good", name)
		}
	}
}
