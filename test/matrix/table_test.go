//go:build e2e

package matrix

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// The states of a cell.
const (
	passed = "ok"
	fail   = "FAIL"
	unable = "n/a"
)

// result is what came of an operation, what there is to say of it, if anything,
// and how long it took.
type result struct {
	state, why string
	took       time.Duration
}

// table is all results, by row and operation.
type table struct {
	mu    sync.Mutex
	cells map[int]map[string]result
}

func (t *table) set(row int, op string, r result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cells == nil {
		t.cells = map[int]map[string]result{}
	}
	if t.cells[row] == nil {
		t.cells[row] = map[string]result{}
	}
	t.cells[row][op] = r
}

func (t *table) took(row int, op string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cells[row][op].took.Round(time.Millisecond)
}

// print prints the rows that were run, and then, once each, what there is to
// say of the cells. A failure is told by its test.
func (p *place) print(out io.Writer) {
	t := &p.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.cells) == 0 {
		return
	}
	fmt.Fprintf(out, "\nFiles %s:\n", p.name)
	var notes []string
	count := map[string]int{}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprint(w, "\nclient\ttransport\tmode")
	for _, op := range operations {
		fmt.Fprint(w, "\t"+op.name)
	}
	fmt.Fprintln(w)
	all := rows()
	for i, r := range all {
		if t.cells[i] == nil {
			count["not asked for"]++
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s", r.client, r.transport, r.mode)
		for _, op := range operations {
			c := t.cells[i][op.name]
			count[c.state]++
			if op.name == opLarge && c.state == passed {
				c.state += " " + sizeText(p.long(i).size)
			}
			if c.why != "" && c.state != fail {
				n := slices.Index(notes, c.why)
				if n < 0 {
					n = len(notes)
					notes = append(notes, c.why)
				}
				c.state += fmt.Sprintf(" [%d]", n+1)
			}
			fmt.Fprint(w, "\t"+c.state)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	fmt.Fprintln(out)
	for n, note := range notes {
		fmt.Fprintf(out, "[%d] %s\n", n+1, note)
	}
	var sums []string
	for _, state := range []string{passed, unable, fail, "-"} {
		if count[state] > 0 || state != "-" {
			sums = append(sums, fmt.Sprintf("%d %s", count[state], state))
		}
	}
	fmt.Fprintf(out, "%s; %d of %d rows\n%s\n\n", strings.Join(sums, ", "), len(all)-count["not asked for"], len(all), versions())
}

// sizeText is a number of bytes in the largest unit that divides it.
func sizeText(bytes int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}} {
		if bytes%unit.size == 0 {
			return fmt.Sprintf("%d %s", bytes/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d B", bytes)
}
