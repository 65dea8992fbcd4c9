package controllers

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestWhatTheOperatorWroteItselfIsNoNews(t *testing.T) {
	t.Parallel()
	const kind = "Secret"
	key := objectKey{kind, types.NamespacedName{Namespace: "partners", Name: "files-users"}}
	tells := func(e *echoes, version string) bool {
		s := &corev1.Secret{}
		s.Namespace, s.Name, s.ResourceVersion = key.Namespace, key.Name, version
		return e.news(kind, s)
	}
	for name, run := range map[string]func(e *echoes) (got, want []bool){
		"the watch tells of it later": func(e *echoes) (got, want []bool) {
			e.begin(key)
			return []bool{e.end(key, "7"), tells(e, "7"), tells(e, "8")}, []bool{false, false, true}
		},
		"the watch is faster": func(e *echoes) (got, want []bool) {
			e.begin(key)
			return []bool{tells(e, "7"), e.end(key, "7"), tells(e, "8")}, []bool{false, false, true}
		},
		"somebody else writes meanwhile": func(e *echoes) (got, want []bool) {
			e.begin(key)
			return []bool{tells(e, "6"), e.end(key, "7"), tells(e, "7")}, []bool{false, true, false}
		},
		"somebody else writes afterwards": func(e *echoes) (got, want []bool) {
			e.begin(key)
			return []bool{tells(e, "7"), tells(e, "8"), e.end(key, "7")}, []bool{false, false, true}
		},
		"the write fails": func(e *echoes) (got, want []bool) {
			e.begin(key)
			return []bool{tells(e, "6"), e.end(key, ""), tells(e, "7")}, []bool{false, true, true}
		},
		"the object is deleted meanwhile": func(e *echoes) (got, want []bool) {
			e.begin(key)
			s := &corev1.Secret{}
			s.Namespace, s.Name = key.Namespace, key.Name
			e.forget(kind, s)
			return []bool{e.end(key, "7"), tells(e, "8")}, []bool{true, true}
		},
	} {
		e := newEchoes()
		got, want := run(e)
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", name, got, want)
				break
			}
		}
		if len(e.of) > 0 {
			t.Errorf("%s: %d objects are still remembered", name, len(e.of))
		}
	}
}
