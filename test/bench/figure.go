package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// figure is something that is measured of every server.
type figure struct {
	name     string
	goal     float64
	unit     string
	less     bool // less is better
	products []product
	// fresh figures get servers that have done nothing yet, one at a time.
	fresh   bool
	measure func(context.Context, *bench, *server) (float64, error)
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
	before := s.cpu()
	value, err := f.measure(ctx, b, s)
	if b.verbose && err == nil {
		fmt.Fprintf(b.notes, "# %s of %s: %s %s, %s of processor time\n", f.name, p.name, format(value), f.unit, s.cpu()-before)
	}
	return value, err
}

// print writes a line: name, ours, theirs, ratio, goal, and what is behind it.
func (f *figure) print(w io.Writer, r result) {
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
		if of == "" || f.less == (m < best) {
			best, of = m, p.name
		}
	}
	own, ok := r.values[ours]
	if !ok || of == "" {
		fmt.Fprintf(w, "%-22s %9s %9s %6s %5g  # failed\n", f.name, "-", "-", "-", f.goal)
		return
	}
	m := median(own)
	ratio := m / best
	if f.less {
		ratio = best / m
	}
	verdict := ""
	if ratio < f.goal {
		verdict = " BELOW"
	}
	fmt.Fprintf(w, "%-22s %9s %9s %6.2f %5g  # %s; %s; ours %s-%s%s\n", f.name, format(m), format(best), ratio, f.goal,
		f.unit, strings.Join(others, ", "), format(slices.Min(own)), format(slices.Max(own)), verdict)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[n/2] + sorted[(n-1)/2]) / 2
}

func format(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
