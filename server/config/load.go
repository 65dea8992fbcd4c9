package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// Load reads and validates the Config at path. It returns the hash of the
// bytes that it read, too. An error names the field that is wrong.
func Load(path string) (*Config, string, error) { return load[Config](path) }

// LoadUsers reads the Users at path. A user who is not valid is left out alone:
// nobody else's suspension waits for that.
func LoadUsers(path string) (u *Users, leftOut []LeftOut, hash string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, "", err
	}
	u, err = ParseUsers(b)
	if err != nil {
		u, leftOut, err = parseValidUsers(b)
	}
	if err != nil {
		return nil, nil, "", fmt.Errorf("%s: %w", path, err)
	}
	return u, leftOut, Hash(b), nil
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
		if err == nil {
			one := Users{Version: Version, Users: []User{user}}
			err = one.Validate()
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

type validator[T any] interface {
	*T
	Validate() error
}

func load[T any, P validator[T]](path string) (*T, string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, "", err
	}
	v, err := parse[T, P](b)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	return v, Hash(b), nil
}

// Parse decodes and validates a Config.
func Parse(b []byte) (*Config, error) { return parse[Config](b) }

// ParseUsers decodes and validates Users.
func ParseUsers(b []byte) (*Users, error) { return parse[Users](b) }

func parse[T any, P validator[T]](b []byte) (*T, error) {
	v := new(T)
	if err := decode(b, v); err != nil {
		return nil, err
	}
	return v, P(v).Validate()
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
func (c *Config) Marshal() ([]byte, error) { return marshal(c) }

// Marshal validates u and returns the bytes of its file. Equal values give
// equal bytes.
func (u *Users) Marshal() ([]byte, error) { return marshal(u) }

func marshal(v interface{ Validate() error }) ([]byte, error) {
	if err := v.Validate(); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// Hash identifies the bytes of a file: SHA-256, in hex.
func Hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
