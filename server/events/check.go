package events

import (
	"crypto/sha256"
	"encoding/hex"
)

// A check says how to tell whether what an event tells of has happened, if the server has ended in
// the middle.
type check struct {
	// Location is where the file is then, and From where it was before; "" if that was nowhere.
	Location string `json:"location,omitempty"`
	From     string `json:"from,omitempty"`
	// Token is its identity; "" if it is taken to have happened in any case.
	Token string `json:"token,omitempty"`
	// Gone says that it is nowhere then.
	Gone bool `json:"gone,omitempty"`
}

func (c check) done(token func(string) (string, error)) (bool, error) {
	if c.Token == "" {
		return true, nil
	}
	if !c.Gone {
		found, err := token(c.Location)
		if err != nil || found == c.Token {
			return err == nil, err
		}
		if c.From == "" {
			return false, nil
		}
	}
	found, err := token(c.From)
	// What has left its place was at the other one, if only for a while.
	return found != c.Token, err
}

// key is where an event is while it is pending. An upload that goes on in another process is the
// same file, and has the same key: so there is one event for one file that becomes visible.
func (c check) key(id string) string {
	if c.Token == "" {
		return id
	}
	sum := sha256.Sum256([]byte(c.Token + "\x00" + c.Location))
	return hex.EncodeToString(sum[:16])
}
