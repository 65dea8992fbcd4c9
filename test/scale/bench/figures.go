package main

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/yaml"
)

//go:embed ranges.yaml
var rangesFile []byte

// figure is one that is measured.
type figure struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Max is the most that it may be; nil: anything.
	Max *float64 `json:"max"`
}

func readFigures() (all []figure, err error) {
	if err := yaml.UnmarshalStrict(rangesFile, &all); err != nil {
		return nil, fmt.Errorf("reading ranges.yaml: %w", err)
	}
	return all, nil
}

// report prints figures as they come, and keeps what is out of its range.
type report struct {
	figures []figure
	out     []error
}

// add prints a figure.
func (r *report) add(name string, is float64) {
	i := slices.IndexFunc(r.figures, func(f figure) bool { return f.Name == name })
	if i < 0 {
		r.out = append(r.out, fmt.Errorf("ranges.yaml has no %s", name))
		return
	}
	f, verdict := r.figures[i], ""
	switch {
	case f.Max == nil:
	case is > *f.Max:
		verdict = fmt.Sprintf("OUT OF RANGE, at most %v", *f.Max)
		r.out = append(r.out, fmt.Errorf("%s is %.2f, want %v at most", name, is, *f.Max))
	default:
		verdict = fmt.Sprintf("ok, at most %v", *f.Max)
	}
	fmt.Printf("%-20s %10.2f %-9s %s\n", name, is, f.Unit, verdict)
}

// addTime prints a figure that is a time.
func (r *report) addTime(name string, is time.Duration) {
	r.add(name, float64(is)/float64(time.Millisecond))
}

// verdict is the error of what was out of its range.
func (r *report) verdict() error { return errors.Join(r.out...) }

// latencies of changes, each list in order: until the new users' file was applied, and
// until the status told of the change.
type latencies struct{ applied, told []time.Duration }

// percentile is the value that so many of a hundred do not exceed.
func percentile(list []time.Duration, of int) time.Duration {
	if len(list) == 0 {
		return 0
	}
	return list[min(len(list)-1, of*len(list)/100)]
}
