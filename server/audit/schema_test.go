package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/audit"
)

// schema is all that a reader can rely on: fields, with their types, and values.
func schema() string {
	var b strings.Builder
	for f := range reflect.TypeFor[audit.Record]().Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		kind := f.Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintf("field %s %s %s", name, kind.Kind(), options)))
	}
	for _, e := range audit.Events {
		fmt.Fprintln(&b, "event", e)
	}
	for _, r := range audit.Results {
		fmt.Fprintln(&b, "result", r)
	}
	for _, r := range audit.Reasons {
		fmt.Fprintln(&b, "reason", r)
	}
	return b.String()
}

// The schema of a version never changes: whoever changes it raises the version, and then
// writes the file of the new one with UPDATE=1.
func TestTheSchemaChangesWithItsVersionAlone(t *testing.T) {
	t.Parallel()
	name := filepath.Join("testdata", audit.Version+".txt")
	want, err := os.ReadFile(name)
	if os.IsNotExist(err) && os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(name, []byte(schema()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := schema(); got != string(want) {
		t.Errorf("the schema is not that of version %s any more: raise audit.Version, see there.\ngot\n%s\nwant\n%s", audit.Version, got, want)
	}
}

func TestAllOfTheSchemaIsDocumented(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{}
	section := ""
	name := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(string(b)) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(title)
		}
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, m := range name.FindAllStringSubmatch(strings.Split(line, "|")[1], -1) {
			documented[section] = append(documented[section], m[1])
		}
	}
	var fields []string
	for f := range reflect.TypeFor[audit.Record]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, name)
	}
	compare(t, "Fields", fields, documented)
	compare(t, "Events", audit.Events, documented)
	compare(t, "Results", audit.Results, documented)
	compare(t, "Reasons", audit.Reasons, documented)
	if !strings.Contains(string(b), "`audit` is `"+audit.Version+"`") {
		t.Errorf("docs/audit.md does not say that the version is %s", audit.Version)
	}
}

func compare[T ~string](t *testing.T, section string, have []T, documented map[string][]string) {
	t.Helper()
	for _, name := range have {
		if !slices.Contains(documented[section], string(name)) {
			t.Errorf("%q is not among the %s of docs/audit.md", name, section)
		}
	}
	for _, name := range documented[section] {
		if !slices.Contains(have, T(name)) {
			t.Errorf("docs/audit.md has %q among its %s, which there is not", name, section)
		}
	}
}
