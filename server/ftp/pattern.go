package ftp

import (
	"path"
	"slices"
	"strings"
)

// splitPatterns splits an absolute name before its first part that is a pattern.
// There are no patterns if no part is one, if one makes no sense, or if there are more
// than maxDepth.
func splitPatterns(name string) (dir string, patterns []string) {
	parts := strings.Split(strings.TrimPrefix(name, "/"), "/")
	first := slices.IndexFunc(parts, func(part string) bool { return strings.ContainsAny(part, "*?[") })
	if first < 0 || len(parts)-first > maxDepth {
		return name, nil
	}
	for _, part := range parts[first:] {
		pattern := toGo(part)
		if _, err := path.Match(pattern, ""); err != nil {
			return "", nil
		}
		patterns = append(patterns, pattern)
	}
	return "/" + strings.Join(parts[:first], "/"), patterns
}

// toGo writes a pattern of the shell as one of path.Match, which knows only ^ for
// a class of characters that are not to match.
func toGo(pattern string) string {
	b := []byte(pattern)
	for i := 0; i+1 < len(b); i++ {
		switch {
		case b[i] == '\\':
			i++
		case b[i] == '[' && b[i+1] == '!':
			b[i+1] = '^'
		}
	}
	return string(b)
}

// matchName reports whether a name matches a pattern. As in a shell, a dot at its
// start has to be asked for: "*" means no hidden files, which somebody who deletes
// all that matches would never see.
func matchName(pattern, name string) bool {
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(strings.TrimPrefix(pattern, `\`), ".") {
		return false
	}
	match, _ := path.Match(pattern, name)
	return match
}

// withoutParts returns what is left of a name without its last n parts.
func withoutParts(name string, n int) string {
	for range n {
		name = strings.TrimRight(name, "/")
		name = name[:strings.LastIndexByte(name, '/')+1]
	}
	return name
}
