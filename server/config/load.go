package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
)

// Load reads and validates the Config at path. It returns the hash of the
// bytes that it read, too. An error names the field that is wrong.
func Load(path string) (*Config, string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, "", err
	}
	c, err := Parse(b)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	return c, Hash(b), nil
}

// A Shard is what a file with users has.
type Shard struct {
	Users   []User
	LeftOut []LeftOut // who is not valid
	Hash    string    // of the file's bytes
}

// ParseShard decodes a file with users. A user who is not valid is left out alone:
// nobody else's suspension waits for that.
func ParseShard(b []byte) (Shard, error) {
	s := Shard{Hash: Hash(b)}
	u, err := ParseUsers(b)
	if err != nil {
		u, s.LeftOut, err = parseValidUsers(b)
	}
	if err != nil {
		return Shard{}, err
	}
	s.Users = u.Users
	return s, nil
}

// parseValidUsers decodes the users that are valid.
func parseValidUsers(b []byte) (*Users, []LeftOut, error) {
	var file struct {
		Version string            `json:"version"`
		Users   []json.RawMessage `json:"users"`
	}
	if err := decode(b, &file); err != nil {
		return nil, nil, err
	}
	u, leftOut := &Users{Version: file.Version}, []LeftOut(nil)
	if err := u.Validate(); err != nil {
		return nil, nil, err
	}
	seen := map[string]bool{}
	for i, raw := range file.Users {
		var user User
		err := decode(raw, &user)
		user = user.withDefaults()
		if err == nil {
			err = user.Validate()
		}
		if err == nil && seen[user.Name] {
			err = errors.New("has a name that another user has")
		}
		if err != nil {
			leftOut = append(leftOut, LeftOut{User: user.Name, Field: fmt.Sprintf("users[%d]", i), Reason: "is not valid: " + err.Error()})
			continue
		}
		seen[user.Name] = true
		u.Users = append(u.Users, user)
	}
	return u, leftOut, nil
}

// Parse decodes and validates a Config.
func Parse(b []byte) (*Config, error) {
	c := new(Config)
	if err := decode(b, c); err != nil {
		return nil, err
	}
	return c, c.Validate()
}

// ParseUsers decodes and validates Users.
func ParseUsers(b []byte) (*Users, error) {
	u := new(Users)
	if err := decode(b, u); err != nil {
		return nil, err
	}
	for i := range u.Users {
		u.Users[i] = u.Users[i].withDefaults()
	}
	return u, u.Validate()
}

func decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	if d.More() {
		return fmt.Errorf("decoding: there is more after the end of the object")
	}
	return nil
}

// Marshal validates c and returns the bytes of its file. Equal values give
// equal bytes.
func (c *Config) Marshal() ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// Marshal validates u and returns the bytes of its file. Equal values give
// equal bytes.
func (u *Users) Marshal() ([]byte, error) {
	if err := u.Validate(); err != nil {
		return nil, err
	}
	entries := make([][]byte, len(u.Users))
	for i := range u.Users {
		var err error
		if entries[i], err = u.Users[i].Marshal(); err != nil {
			return nil, err
		}
	}
	return JoinUsers(entries), nil
}

// Marshal validates the user and returns its entry in a file. Equal values give equal
// bytes.
func (u *User) Marshal() ([]byte, error) {
	if err := u.Validate(); err != nil {
		return nil, err
	}
	return json.Marshal(u.withoutDefaults())
}

// JoinUsers makes a file of entries, of which no two have one name.
func JoinUsers(entries [][]byte) []byte {
	file := slices.Concat([]byte(`{"version":"`+Version+`","users":[`), bytes.Join(entries, []byte(",")))
	return append(file, "]}\n"...)
}

// Hash identifies the bytes of a file: SHA-256, in hex.
func Hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
