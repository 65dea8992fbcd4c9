package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/test/cluster"
)

func TestThePageHasEachFigureWithItsRange(t *testing.T) {
	figures, err := readFigures()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(cluster.Root(), "docs", "scale.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		most := "-"
		if f.Max != nil {
			most = fmt.Sprint(*f.Max)
		}
		row := fmt.Sprintf("| `%s` | %s | %s |", f.Name, f.Unit, most)
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/scale.md has no row %s", row)
		}
	}
	if n := strings.Count(string(page), "\n| `"); n != len(figures) {
		t.Errorf("docs/scale.md has %d figures, ranges.yaml %d", n, len(figures))
	}
}

func TestAFigureBeyondItsRangeFails(t *testing.T) {
	limit := 20.0
	r := &report{figures: []figure{{Name: "create_requests", Max: &limit}, {Name: "create_time"}}}
	r.add("create_requests", 20)
	r.add("create_time", 1e6)
	if err := r.verdict(); err != nil {
		t.Error("figures in their ranges fail:", err)
	}
	r.add("create_requests", 20.1)
	r.add("create_typo", 0)
	if len(r.out) != 2 {
		t.Errorf("want a figure beyond its range and an unknown one to fail, have: %v", r.out)
	}
}
