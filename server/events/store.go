package events

import (
	"context"
	"iter"
)

// A Store keeps records under keys such as "ready/1a2b/3c4d". It is shared by all pods.
type Store interface {
	// Put writes a record, in one step. It is durable when Put returns.
	Put(ctx context.Context, key string, data []byte) error
	// Get returns one, or fs.ErrNotExist.
	Get(ctx context.Context, key string) ([]byte, error)
	// Move gives a record another key. Data is what it holds, for stores that have to write
	// it. If there is none, it is fs.ErrNotExist, or written all the same.
	Move(ctx context.Context, from, to string, data []byte) error
	// Remove removes one. That there is none is no error.
	Remove(ctx context.Context, key string) error
	// List yields the names in a folder such as "ready/1a2b", which may be missing.
	List(ctx context.Context, folder string) iter.Seq2[Entry, error]
	// Touch writes a small record, which then has another version. On a volume that is full, it
	// succeeds if it exists.
	Touch(ctx context.Context, key string, n uint64) error
	// Prune removes a folder that is empty, if folders remain by themselves.
	Prune(ctx context.Context, folder string)
}

// An Entry is a record in a folder.
type Entry struct {
	Name    string
	Version string // changes when it is written
}
