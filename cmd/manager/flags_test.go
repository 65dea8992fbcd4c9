package main

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
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

func TestOnlyTheOperatorAndThoseWhoAreNamedMayReadTheMetricsOfServers(t *testing.T) {
	own := filepath.Join(t.TempDir(), "namespace")
	if got := parsed(t).metricsNamespaces(own); got != nil {
		t.Errorf("outside of a pod, the namespaces are %v", got)
	}
	if err := os.WriteFile(own, []byte("system"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := parsed(t).metricsNamespaces(own); !slices.Equal(got, []string{"system"}) {
		t.Errorf("by default, the namespaces are %v", got)
	}
	if got := parsed(t, "--metrics-namespaces=system,monitoring").metricsNamespaces(own); !slices.Equal(got, []string{"monitoring", "system"}) {
		t.Errorf("the namespaces are %v", got)
	}
}
