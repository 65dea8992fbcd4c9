// Package monitoring_test has Debian's Prometheus read what the operator and the file
// server expose, as the monitors, the alerts and the dashboard in config/prometheus say.
package monitoring_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const (
	root    = "../.."
	runbook = "https://github.com/fileserver-dev/fileserver-operator/blob/main/docs/alerts.md#"
)

// rule is an alert.
type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// rules are those of config/prometheus, as an object of the Prometheus Operator, and as
// the file that Prometheus itself reads.
func rules(t *testing.T) (list []rule, file []byte) {
	t.Helper()
	var object struct {
		Spec map[string]any `json:"spec"`
	}
	parse(t, "config/prometheus/rules.yaml", &object)
	file, err := yaml.Marshal(object.Spec)
	if err != nil {
		t.Fatal(err)
	}
	var groups struct {
		Groups []struct {
			Rules []rule `json:"rules"`
		} `json:"groups"`
	}
	if err := yaml.Unmarshal(file, &groups); err != nil {
		t.Fatal(err)
	}
	for _, g := range groups.Groups {
		list = append(list, g.Rules...)
	}
	if len(list) == 0 {
		t.Fatal("there are no alerts")
	}
	return list, file
}

func parse(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(read(t, name), into); err == nil {
		return
	}
	if err := yaml.Unmarshal(read(t, name), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEachAlertHasAPage(t *testing.T) {
	t.Parallel()
	sections := map[string]bool{}
	for line := range strings.Lines(string(read(t, "docs/alerts.md"))) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			sections[strings.TrimSpace(name)] = true
		}
	}
	list, _ := rules(t)
	for _, r := range list {
		if want := runbook + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("%s leads to %q, want %s", r.Alert, r.Annotations["runbook_url"], want)
		}
		if !sections[r.Alert] {
			t.Errorf("docs/alerts.md says nothing of %s", r.Alert)
		}
		if !slices.Contains([]string{"warning", "critical"}, r.Labels["severity"]) || r.Annotations["summary"] == "" {
			t.Errorf("%s has the labels %v and the annotations %v", r.Alert, r.Labels, r.Annotations)
		}
		delete(sections, r.Alert)
	}
	for name := range sections {
		t.Errorf("docs/alerts.md tells of %s, which is no alert", name)
	}
}

// Promtool is Prometheus itself with series that are made up.
func TestEachAlertFires(t *testing.T) {
	t.Parallel()
	promtool := program(t, "promtool")
	list, file := rules(t)
	dir := t.TempDir()
	tests, err := os.ReadFile(filepath.Join("testdata", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"rules.yaml": file, "alerts.yaml": tests} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"check", "rules", "rules.yaml"}, {"test", "rules", "alerts.yaml"}} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	var cases struct {
		Tests []struct {
			AlertRuleTest []struct {
				AlertName string `json:"alertname"`
				ExpAlerts []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	if err := yaml.Unmarshal(tests, &cases); err != nil {
		t.Fatal(err)
	}
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, c := range cases.Tests {
		for _, a := range c.AlertRuleTest {
			fires[a.AlertName] = fires[a.AlertName] || len(a.ExpAlerts) > 0
			quiet[a.AlertName] = quiet[a.AlertName] || len(a.ExpAlerts) == 0
		}
	}
	for _, r := range list {
		if !fires[r.Alert] || !quiet[r.Alert] {
			t.Errorf("testdata/alerts.yaml has to make %s fire, and to keep it quiet while all is well", r.Alert)
		}
	}
}

// program finds one of Debian's package prometheus.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed (apt-get install prometheus)", name)
	}
	return path
}
