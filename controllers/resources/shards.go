package resources

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// In how many Secrets the users of a server are. Each pod mounts one or the other,
// for as long as it lives: see docs/adr/0009-shards-of-users.md.
const (
	OneShard   = 1
	ManyShards = 16
)

const (
	// ShardBytes is how much the accounts in a shard may take. A Secret holds 1 MiB.
	ShardBytes = 512 << 10
	// GrowBytes is how much the accounts in one shard take when new pods get many.
	GrowBytes = ShardBytes / 2
)

// A ShardKey places an account.
type ShardKey byte

// ShardKeyOf is that of the account with that name.
func ShardKeyOf(login string) ShardKey { return ShardKey(sha256.Sum256([]byte(login))[0]) }

// In is the shard, of so many.
func (k ShardKey) In(of int) int { return int(k) % of }

// An Entry is an account as Secrets hold it: the account itself, and what it was
// made from.
type Entry struct {
	Name            string
	account, origin []byte
}

// NewEntry is the entry of an account.
func NewEntry(account *config.User, origin *Origin) (Entry, error) {
	a, err := account.Marshal()
	if err != nil {
		return Entry{}, err
	}
	o, err := marshalOrigin(account.Name, origin)
	return Entry{account.Name, a, o}, err
}

// Size is how much of a shard it takes.
func (e *Entry) Size() int { return len(e.account) + len(e.origin) + len(",,") }

// Hash identifies the account, without what it was made from.
func (e *Entry) Hash() string { return config.Hash(e.account) }

// Same says whether nothing differs.
func (e *Entry) Same(o *Entry) bool {
	return bytes.Equal(e.account, o.account) && bytes.Equal(e.origin, o.origin)
}

// Shard is the content of a Secret with some of the users.
type Shard struct{ file, origins []byte }

// NewShard is the shard with these accounts, of which no two have one name.
func NewShard(entries []*Entry) Shard {
	slices.SortFunc(entries, func(a, b *Entry) int { return strings.Compare(a.Name, b.Name) })
	accounts, origins := make([][]byte, len(entries)), make([][]byte, len(entries))
	for i, e := range entries {
		accounts[i], origins[i] = e.account, e.origin
	}
	return Shard{
		file:    config.JoinUsers(accounts),
		origins: slices.Concat([]byte("{"), bytes.Join(origins, []byte(",")), []byte("}")),
	}
}

// FileHash identifies the file that pods load.
func (s Shard) FileHash() string { return config.Hash(s.file) }

// Hash identifies all of the content.
func (s Shard) Hash() string { return config.Hash(slices.Concat(s.file, s.origins)) }

// UsersSecret holds one of so many shards of the users.
func (s Server) UsersSecret(content Shard, shard, of int) *corev1ac.SecretApplyConfiguration {
	return corev1ac.Secret(UsersName(s.Name, shard, of), s.Namespace).
		WithLabels(s.Labels()).
		WithOwnerReferences(s.Owner()).
		WithData(map[string][]byte{config.UsersFile: content.file, originsFile: content.origins})
}

// usersVolume has the file of each shard. Pods wait for all of them.
func (s Server) usersVolume() *corev1ac.VolumeApplyConfiguration {
	of := max(s.UserShards, OneShard)
	projected := corev1ac.ProjectedVolumeSource().WithDefaultMode(s.fileMode())
	for i := range of {
		projected.WithSources(corev1ac.VolumeProjection().WithSecret(corev1ac.SecretProjection().
			WithName(UsersName(s.Name, i, of)).
			WithItems(corev1ac.KeyToPath().WithKey(config.UsersFile).WithPath(config.UsersFileOf(i, of)))))
	}
	return corev1ac.Volume().WithName(config.VolumeUsers).WithProjected(projected)
}

// MountedShards is in how many shards a pod has the users; 0: it has none.
func MountedShards(pod *corev1.PodSpec) int {
	for _, v := range pod.Volumes {
		if v.Name == config.VolumeUsers && v.Projected != nil {
			return len(v.Projected.Sources)
		}
	}
	return 0
}
