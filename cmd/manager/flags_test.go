package main

import (
	"flag"
	"testing"
)

func parsed(t *testing.T, args ...string) *flags {
	t.Helper()
	var (
		f   flags
		set = flag.NewFlagSet("manager", flag.ContinueOnError)
	)
	f.register(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &f
}

func TestMetricsAreServedOnlyToThoseWhoMayReadThemUnlessOneSaysSo(t *testing.T) {
	if m := parsed(t).metrics(); !m.SecureServing || m.FilterProvider == nil || m.BindAddress != ":8443" {
		t.Errorf("by default, metrics are served with %+v", m)
	}
	if m := parsed(t, "--metrics-secure=false", "--metrics-bind-address=:8080").metrics(); m.SecureServing || m.FilterProvider != nil {
		t.Errorf("in the open, metrics are served with %+v", m)
	}
}
