package events

import (
	"path"
	"slices"
	"strings"
)

// matches says whether a path is one of the patterns', or there are none. In a pattern, "*",
// "?" and "[a-z]" stand for what they do in [path.Match], within a name, and "**" for any
// number of folders.
func matches(patterns []string, name string) bool {
	if len(patterns) == 0 {
		return true
	}
	parts := strings.Split(strings.Trim(name, "/"), "/")
	return slices.ContainsFunc(patterns, func(p string) bool {
		return match(strings.Split(strings.Trim(p, "/"), "/"), parts)
	})
}

// match takes no more steps than one list is long times the other: a "**" that follows an
// earlier one makes it needless to go back to that.
func match(pattern, parts []string) bool {
	star, from := -1, 0
	i := 0
	for j := 0; ; {
		switch {
		case i < len(pattern) && pattern[i] == "**":
			star, from = i, j
			i++
			continue
		case i == len(pattern) && j == len(parts):
			return true
		case i < len(pattern) && j < len(parts):
			if ok, err := path.Match(pattern[i], parts[j]); ok && err == nil {
				i++
				j++
				continue
			}
		}
		if star < 0 || from >= len(parts) {
			return false
		}
		from++
		i, j = star+1, from
	}
}
