package config

import (
	"encoding/json"
	"reflect"
	"strings"
)

// tagChange is the tag that says what a change of a field does: "hot" or "cold".
// A field without one is as the field around it.
const tagChange = "change"

const (
	hot  = "hot"
	cold = "cold"
)

// A Field is a leaf of [Config]: no struct of this package, nor a pointer to one.
type Field struct {
	// Path are the names in JSON: "passive.advertise[].addresses".
	Path string
	// Hot says that a running server has a change in force. Otherwise only a
	// server that starts anew has it.
	Hot bool
}

// Fields are all leaves of [Config], in the order in which they are declared.
func Fields() []Field {
	var fields []Field
	var walk func(t reflect.Type, path, change string)
	walk = func(t reflect.Type, path, change string) {
		switch below := structIn(t); {
		case below != nil:
			if t.Kind() == reflect.Slice {
				path += "[]"
			}
			for f := range below.Fields() {
				walk(f.Type, join(path, nameOf(f)), changeOf(f, change))
			}
		default:
			fields = append(fields, Field{path, change == hot})
		}
	}
	walk(reflect.TypeFor[Config](), "", cold)
	return fields
}

// structIn is the struct of ours that a type is, points to or is a list of, or nil.
func structIn(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.PkgPath() != reflect.TypeFor[Config]().PkgPath() {
		return nil
	}
	return t
}

func nameOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func changeOf(f reflect.StructField, around string) string {
	if own := f.Tag.Get(tagChange); own != "" {
		return own
	}
	return around
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// ColdHash identifies the cold fields. A server can change between configurations
// with the same hash without a restart.
func (c *Config) ColdHash() string {
	only := *c
	withoutHot(reflect.ValueOf(&only).Elem(), cold)
	b, err := json.Marshal(only)
	if err != nil {
		panic(err) // a struct of numbers and texts
	}
	return Hash(b)
}

// Reload returns what a server that runs with one configuration has in force when
// it is given another: the hot fields of next, and the cold fields of running. The
// paths are those of the cold fields that differ.
func Reload(running, next *Config) (inForce *Config, changed []string) {
	c := *next
	merge(reflect.ValueOf(&c).Elem(), reflect.ValueOf(*running), "", cold, func(path string) { changed = append(changed, path) })
	return &c, changed
}

// withoutHot sets the hot fields of v, a struct, to zero. What v points to is
// replaced and never changed.
func withoutHot(v reflect.Value, change string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		v, change := v.Field(i), changeOf(f, change)
		switch below := structIn(f.Type); {
		case below != nil && f.Type.Kind() == reflect.Struct:
			withoutHot(v, change)
		case below != nil && f.Type.Kind() == reflect.Pointer && !v.IsNil():
			only := reflect.New(below)
			only.Elem().Set(v.Elem())
			withoutHot(only.Elem(), change)
			v.Set(only)
		case change == hot && f.Type.Kind() != reflect.Pointer:
			v.SetZero()
		}
	}
}

// merge sets the cold fields of to, a struct, as they are in from, and tells which
// of them were different. What to points to is replaced and never changed.
func merge(to, from reflect.Value, path, change string, differs func(path string)) {
	for i := range to.NumField() {
		f := to.Type().Field(i)
		to, from := to.Field(i), from.Field(i)
		path, change := join(path, nameOf(f)), changeOf(f, change)
		switch {
		case structIn(f.Type) != nil && f.Type.Kind() == reflect.Struct:
			merge(to, from, path, change, differs)
		case structIn(f.Type) != nil && f.Type.Kind() == reflect.Pointer:
			if to.IsNil() || from.IsNil() {
				if to.IsNil() != from.IsNil() {
					differs(path)
					to.Set(from)
				}
				continue
			}
			both := reflect.New(f.Type.Elem())
			both.Elem().Set(to.Elem())
			merge(both.Elem(), from.Elem(), path, change, differs)
			to.Set(both)
		case change == hot:
		default:
			if !reflect.DeepEqual(to.Interface(), from.Interface()) {
				differs(path)
			}
			to.Set(from)
		}
	}
}
