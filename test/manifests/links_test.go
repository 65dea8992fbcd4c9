package manifests_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link     = regexp.MustCompile(`\]\(([^):#]*)(?:#([^)]*))?\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fenced   = regexp.MustCompile("(?s)```.*?```")
	noAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

func TestDocumentsLinkToWhatIsThere(t *testing.T) {
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md", "hack/cluster/*.md", ".github/*.md"} {
		documents, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range documents {
			for _, m := range link.FindAllStringSubmatch(markdown(t, path), -1) {
				target, anchor := path, m[2]
				if m[1] != "" {
					target = filepath.Join(filepath.Dir(path), m[1])
				}
				if _, err := os.Stat(target); err != nil {
					t.Errorf("%s: %v", path, err)
				} else if anchor != "" && strings.HasSuffix(target, ".md") && !anchors(t, target)[anchor] {
					t.Errorf("%s: %s has no section #%s", path, target, anchor)
				}
			}
		}
	}
}

// markdown is a document without the code in it.
func markdown(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fenced.ReplaceAllString(string(b), "")
}

// anchors are those that GitHub makes of a document's headings.
func anchors(t *testing.T, path string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(markdown(t, path), -1) {
		name := noAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(m[1])), "")
		all[strings.ReplaceAll(name, " ", "-")] = true
	}
	return all
}
