package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A measurement gives a figure of one server.
type measurement func(context.Context, *bench, *server) (float64, error)

// figure is something that is measured of every server.
type figure struct {
	name     string
	goal     float64
	unit     string
	less     bool // less is better
	cost     bool // less is better, and the ratio is ours to theirs
	products []product
	// fresh figures get servers that have done nothing yet, one at a time.
	fresh   bool
	measure measurement
}

// result has the values of every server, by name.
type result struct {
	values map[string][]float64
	errors map[string]error
}

// run measures every server in turn, round by round, so that what else happens
// on this machine happens to all.
func (f *figure) run(ctx context.Context, b *bench) result {
	r := result{map[string][]float64{}, map[string]error{}}
	for range b.rounds {
		for _, p := range f.products {
			if ctx.Err() != nil || r.errors[p.name] != nil {
				continue
			}
			value, err := f.once(ctx, b, p)
			if err != nil {
				r.errors[p.name] = err
				fmt.Fprintf(b.notes, "# %s of %s: %v\n", f.name, p.name, err)
				continue
			}
			r.values[p.name] = append(r.values[p.name], value)
		}
		if f.fresh {
			break // nothing but the servers themselves has a part in it
		}
	}
	return r
}

func (f *figure) once(ctx context.Context, b *bench, p product) (float64, error) {
	s, err := b.server(p, f.fresh)
	if err != nil {
		return 0, err
	}
	before, _ := s.cpu()
	value, err := f.measure(ctx, b, s)
	if b.verbose && err == nil {
		after, _ := s.cpu()
		fmt.Fprintf(b.notes, "# %s of %s: %s %s, %s of processor time\n", f.name, p.name, format(value), f.unit, after-before)
	}
	return value, err
}

const row = "%-22s %9s %9s %-10s %6s %5s %-5s # %s\n"

func printHead(w io.Writer, l leg) {
	fmt.Fprintf(w, "\n%s: %s\n", l.name, l.about)
	fmt.Fprintf(w, row, "figure", "ours", "theirs", "best of", "ratio", "goal", "holds", "unit; the others; ours in every round")
}

// print writes a line: name, ours, the best of the others, which one that is,
// ratio, goal, whether it holds, and what is behind it. It returns whether it
// holds.
func (f *figure) print(w io.Writer, r result) bool {
	best, of := 0.0, ""
	var others []string
	for _, p := range f.products {
		values, ok := r.values[p.name]
		if p.name == ours {
			continue
		}
		if !ok {
			others = append(others, p.name+" failed")
			continue
		}
		m := median(values)
		others = append(others, p.name+" "+format(m))
		if of == "" || (f.less || f.cost) == (m < best) {
			best, of = m, p.name
		}
	}
	goal := "-"
	if f.goal != none {
		goal = fmt.Sprintf("%g", f.goal)
	}
	own, ok := r.values[ours]
	if !ok || of == "" {
		fmt.Fprintf(w, row, f.name, "-", "-", "-", "-", goal, "no", "failed")
		return false
	}
	m := median(own)
	ratio, holds := m/best, "yes"
	if f.less {
		ratio = best / m
	}
	switch {
	case f.goal == none:
		holds = "-"
	case f.cost && ratio > f.goal, !f.cost && ratio < f.goal:
		holds = "no"
	}
	rounds := make([]string, len(own))
	for i, v := range own {
		rounds[i] = format(v)
	}
	fmt.Fprintf(w, row, f.name, format(m), format(best), of, fmt.Sprintf("%.2f", ratio), goal, holds,
		fmt.Sprintf("%s; %s; ours %s", f.unit, strings.Join(others, ", "), strings.Join(rounds, " ")))
	return holds != "no"
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[n/2] + sorted[(n-1)/2]) / 2
}

func format(v float64) string {
	switch {
	case v < 1:
		return fmt.Sprintf("%.3f", v)
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
