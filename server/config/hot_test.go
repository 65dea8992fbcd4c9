package config

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// filled has a value in every field that a change can be made to.
func filled(t *testing.T) *Config {
	t.Helper()
	c := &Config{}
	fill(t, reflect.ValueOf(c).Elem(), 1)
	return c
}

// fill sets every leaf to a value that depends on n.
func fill(t *testing.T, v reflect.Value, n int) {
	t.Helper()
	switch {
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i), n)
		}
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key, n)
		fill(t, value, n)
		v.SetMapIndex(key, value)
	case structIn(v.Type()) != nil:
		for _, field := range v.Fields() {
			fill(t, field, n)
		}
	case v.Type() == reflect.TypeFor[netip.Prefix]():
		v.Set(reflect.ValueOf(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}), 32)))
	case v.CanInt():
		v.SetInt(int64(n))
	case v.Kind() == reflect.String:
		v.SetString(strings.Repeat("x", n))
	case v.Kind() == reflect.Bool:
		v.SetBool(n%2 == 1)
	default:
		t.Fatalf("the test has no value for a %s", v.Type())
	}
}

// leaf is the field of that path; lists have one element.
func leaf(v reflect.Value, path string) reflect.Value {
	for name := range strings.SplitSeq(path, ".") {
		name, list := strings.CutSuffix(name, "[]")
		for v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		for f, value := range v.Fields() {
			if nameOf(f) == name {
				v = value
				break
			}
		}
		if list {
			v = v.Index(0)
		}
	}
	return v
}

func TestEachFieldIsEitherHotOrCold(t *testing.T) {
	t.Parallel()
	if len(Fields()) < 50 {
		t.Errorf("there are %d fields only", len(Fields()))
	}
	for _, field := range Fields() {
		t.Run(field.Path, func(t *testing.T) {
			running, next := filled(t), filled(t)
			fill(t, leaf(reflect.ValueOf(next), field.Path), 2)
			if same := running.ColdHash() == next.ColdHash(); same != field.Hot {
				t.Errorf("hot is %t, and the hash stays the same: %t", field.Hot, same)
			}
			inForce, changed := Reload(running, next)
			if want := map[bool]*Config{true: next, false: running}[field.Hot]; !reflect.DeepEqual(inForce, want) {
				t.Errorf("in force is %+v, want %+v", inForce, want)
			}
			if named := slices.Contains(changed, field.Path); named == field.Hot || len(changed) > 1 {
				t.Errorf("hot is %t, and the cold fields that differ are %q", field.Hot, changed)
			}
		})
	}
}

func TestWhatIsServedIsCold(t *testing.T) {
	t.Parallel()
	for path, change := range map[string]func(*Config){
		"protocols.ftp": func(c *Config) { c.Protocols.FTP = nil },
		"passive":       func(c *Config) { c.Passive = nil },
		"tls":           func(c *Config) { c.TLS = nil },
		"ssh":           func(c *Config) { c.SSH = nil },
	} {
		running, next := filled(t), filled(t)
		change(next)
		next.Sessions.IdleTimeout = Duration(time.Hour)
		for _, c := range []struct{ running, next *Config }{{running, next}, {next, running}} {
			if c.running.ColdHash() == c.next.ColdHash() {
				t.Errorf("%s: the hash stays the same", path)
			}
			inForce, changed := Reload(c.running, c.next)
			if !slices.Equal(changed, []string{path}) {
				t.Errorf("%s: cold fields that differ are %q", path, changed)
			}
			if inForce.ColdHash() != c.running.ColdHash() || inForce.Sessions.IdleTimeout != c.next.Sessions.IdleTimeout {
				t.Errorf("%s: in force is %+v", path, inForce)
			}
		}
	}
	if c := filled(t); c.ColdHash() != filled(t).ColdHash() {
		t.Error("equal configurations have different hashes")
	}
}
