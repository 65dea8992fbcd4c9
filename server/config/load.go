package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
)

// Load reads and validates the Config at path. It returns the hash of the
// bytes that it read, too. An error names the field that is wrong.
func Load(path string) (*Config, string, error) { return load[Config](path) }

// LoadUsers reads and validates the Users at path, as Load does.
func LoadUsers(path string) (*Users, string, error) { return load[Users](path) }

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
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return nil, fmt.Errorf("decoding: %w", err)
	}
	if d.More() {
		return nil, fmt.Errorf("decoding: there is more after the end of the object")
	}
	return v, P(v).Validate()
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
