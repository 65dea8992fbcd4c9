package main

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestTheMemoryLimitIsNineTenthsOfTheContainers(t *testing.T) {
	defer debug.SetMemoryLimit(math.MaxInt64)
	for name, c := range map[string]struct {
		limit, goMemLimit string
		want              int64
	}{
		"a limit":                      {"1000000000", "", 900000000},
		"none":                         {"", "", math.MaxInt64},
		"another one of Go's variable": {"1000000000", "1GiB", math.MaxInt64},
	} {
		debug.SetMemoryLimit(math.MaxInt64)
		if err := limitMemory(c.limit, c.goMemLimit); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := debug.SetMemoryLimit(-1); got != c.want {
			t.Errorf("%s: the limit is %d, want %d", name, got, c.want)
		}
	}
	if err := limitMemory("512Mi", ""); err == nil {
		t.Error("a limit that is no number is taken")
	}
}
