package events

import (
	"strings"
	"testing"
	"time"
)

func TestPatternsOfPaths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"/inbox/**", "/inbox/a", true},
		{"/inbox/**", "/inbox/a/b/c", true},
		{"/inbox/**", "/inbox", true},
		{"/inbox/**", "/outbox/a", false},
		{"/inbox/*", "/inbox/a", true},
		{"/inbox/*", "/inbox/a/b", false},
		{"/*.csv", "/a.csv", true},
		{"/*.csv", "/d/a.csv", false},
		{"/**/*.csv", "/a.csv", true},
		{"/**/*.csv", "/d/e/a.csv", true},
		{"/**/*.csv", "/d/e/a.csv.part", false},
		{"/**/in/**/x", "/a/in/b/in/c/x", true},
		{"/**", "/any/thing", true},
		{"/[ab]?", "/b1", true},
		{"/[ab]?", "/c1", false},
	} {
		if got := matches([]string{c.pattern}, c.path); got != c.want {
			t.Errorf("%s and %s: %t", c.pattern, c.path, got)
		}
	}
	if !matches(nil, "/a") {
		t.Error("without patterns, something is left out")
	}
}

// A pattern that somebody chose badly must not keep a server busy.
func TestAPatternTakesNoLongTime(t *testing.T) {
	t.Parallel()
	pattern, name := strings.Repeat("/**/a", 200)+"/b", strings.Repeat("/a", 2000)
	start := time.Now()
	if matches([]string{pattern}, name) {
		t.Error("it matches")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
