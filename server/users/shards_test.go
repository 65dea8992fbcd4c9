package users

import (
	"fmt"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// crowd is so many users in so many shards, each with a cheap hash.
func crowd(users, shards int) []config.Shard {
	all := make([]config.Shard, shards)
	for i := range users {
		u := config.User{Name: fmt.Sprintf("user-%05d", i), Home: "h", Access: config.AccessReadWrite, PasswordHash: decoy}
		s := &all[i%shards]
		s.Users = append(s.Users, u)
		s.Hash = fmt.Sprint("first ", i%shards)
	}
	return all
}

func TestAShardThatIsTheSameIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	d := NewDirectory(0)
	shards := crowd(100, 4)
	d.Set(shards, config.Sessions{})
	before := map[string]*User{}
	for _, s := range shards {
		for _, u := range s.Users {
			before[u.Name] = d.find(u.Name)
		}
	}
	shards[2].Hash = "second"
	shards[2].Users = append([]config.User(nil), shards[2].Users...)
	shards[2].Users[0].Suspended = true
	d.Set(shards, config.Sessions{})
	if d.Len() != 100 {
		t.Errorf("there are %d users", d.Len())
	}
	for name, was := range before {
		is := d.find(name)
		switch changed := name == shards[2].Users[0].Name; {
		case is == nil:
			t.Errorf("%s is gone", name)
		case changed && (is == was || !is.config.Suspended):
			t.Errorf("%s is not suspended", name)
		case !changed && is != was:
			t.Errorf("%s was made anew", name)
		}
	}
	d.Set(shards[:2], config.Sessions{})
	if d.Len() != 50 || d.find(shards[2].Users[0].Name) != nil {
		t.Errorf("when two shards are gone, there are %d users", d.Len())
	}
}

func TestADecoyIsOneOfTheUsersHashesInWhateverShard(t *testing.T) {
	t.Parallel()
	all := shards{{decoys: []string{"a", "b"}}, {}, {decoys: []string{"c"}}}
	seen := map[string]bool{}
	for n := range uint64(6) {
		seen[all.decoy(n)] = true
	}
	if len(seen) != 3 || !seen["a"] || !seen["b"] || !seen["c"] {
		t.Errorf("the decoys are %v", seen)
	}
	if got := (shards{{}}).decoy(7); got != decoy {
		t.Errorf("without hashes, the decoy is %s", got)
	}
}

// BenchmarkLogin finds a user, checks a password that was right before, and begins and
// ends a session.
func BenchmarkLogin(b *testing.B) {
	for _, size := range []struct{ users, shards int }{{10, 1}, {10_000, 16}} {
		b.Run(fmt.Sprintf("of %d", size.users), func(b *testing.B) {
			d := NewDirectory(0)
			d.Set(crowd(size.users, size.shards), config.Sessions{})
			u := d.find("user-00007")
			d.hashes.verified.Add(u.config.PasswordHash, d.hashes.mac(u.config.PasswordHash, "right"))
			a := Attempt{User: "user-00007", Protocol: config.ProtocolSFTP}
			for b.Loop() {
				s, err := d.Begin(b.Context(), a, Password("right"))
				if err != nil {
					b.Fatal(err)
				}
				s.End()
			}
		})
	}
}

// BenchmarkSet sets users of whom those in one shard may have changed.
func BenchmarkSet(b *testing.B) {
	d := NewDirectory(0)
	shards := crowd(10_000, 16)
	d.Set(shards, config.Sessions{})
	n := 0
	for b.Loop() {
		n++
		shards[3].Hash = fmt.Sprint("version ", n)
		d.Set(shards, config.Sessions{})
	}
}
