package resources_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestUsersAreSpreadOverAllShardsAlike(t *testing.T) {
	count := map[int]int{}
	for i := range 10_000 {
		count[resources.ShardKeyOf(fmt.Sprintf("user-%05d", i)).In(resources.ManyShards)]++
	}
	for shard := range resources.ManyShards {
		if n := count[shard]; n < 500 || n > 750 {
			t.Errorf("shard %d has %d of 10,000 users, want some 625", shard, n)
		}
	}
}

// With a password that the operator has made, or that somebody chose, and with keys as
// long as people have them.
func TestTenThousandUsersFit(t *testing.T) {
	rsa := "ssh-rsa " + strings.Repeat("A", 548)
	for name, account := range map[string]config.User{
		"a password":       {PasswordHash: "$6$rounds=1000$" + strings.Repeat("s", 16) + "$" + strings.Repeat("h", 86)},
		"an RSA key alone": {AuthorizedKeys: []string{rsa}},
	} {
		account.Name, account.Home, account.Access = "partner-00001", "partner-00001", config.AccessReadWrite
		entry, err := resources.NewEntry(&account, &resources.Origin{User: "8ca1a8a4-5f0c-4a2b-a2a5-0d8d2b3f9d10", Password: "generated"})
		if err != nil {
			t.Fatal(err)
		}
		if room := resources.ManyShards * resources.ShardBytes / entry.Size(); room < 10_500 {
			t.Errorf("%s: an account takes %d bytes, and %d fit", name, entry.Size(), room)
		}
	}
}

func TestAShardIsWhatTheServerReadsWhateverTheOrder(t *testing.T) {
	var entries []*resources.Entry
	for _, name := range []string{"bob", "alice", "dave\"s"} {
		account := config.User{Name: name, Home: name, Access: config.AccessReadWrite, PasswordHash: "$6$x"}
		entry, err := resources.NewEntry(&account, &resources.Origin{User: "u"})
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, &entry)
	}
	shard := resources.NewShard([]*resources.Entry{entries[2], entries[0], entries[1]})
	if other := resources.NewShard(entries); shard.Hash() != other.Hash() {
		t.Error("the order of the accounts makes a difference")
	}
	secret := resources.Server{FileServer: server(t, `{}`).FileServer}.UsersSecret(shard, 3, resources.ManyShards)
	read, err := config.ParseShard(secret.Data[config.UsersFile])
	if err != nil || read.Hash != shard.FileHash() || len(read.Users) != 3 || read.Users[0].Name != "alice" || read.Users[0].Home != "alice" {
		t.Errorf("the server reads %+v, %v", read, err)
	}
	last := resources.LastGood{}
	if last.Read(secret.Data); len(last) != 1 || *secret.Name != "files-users-3" {
		t.Errorf("of Secret %s is last good: %+v", *secret.Name, last)
	}
}

func TestPodsMountEachShardUnderANameOfItsOwn(t *testing.T) {
	s := server(t, `{}`)
	one := s.Template()
	s.UserShards = resources.ManyShards
	if s.Template() == one {
		t.Error("pods with one shard and with many are of one template")
	}
	for _, v := range s.SlotDeployment(slot(0, 50000, 50009)).Spec.Template.Spec.Volumes {
		if *v.Name != config.VolumeUsers {
			continue
		}
		paths := map[string]string{}
		for _, source := range v.Projected.Sources {
			if source.Secret.Optional != nil {
				t.Error("a pod starts without a shard: those in it would be refused, and later let in")
			}
			paths[*source.Secret.Items[0].Path] = *source.Secret.Name
		}
		if len(paths) != resources.ManyShards || paths["users-7.json"] != "files-users-7" || !config.IsUsersFile("users-7.json") {
			t.Errorf("the files are %v", paths)
		}
	}
	if n := resources.MountedShards(&corev1.PodSpec{}); n != 0 {
		t.Errorf("a pod without users has them in %d shards", n)
	}
}
