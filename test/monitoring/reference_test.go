package monitoring_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

const reference = "docs/metrics.md"

// checkReference compares docs/metrics.md with what the processes expose.
func (w *world) checkReference(t *testing.T) {
	t.Helper()
	server := exposed(t, fixture.Address(w.volume.ports.HTTP))
	maps.Copy(server, exposed(t, fixture.Address(w.bucket.ports.HTTP)))
	var operator map[string]*dto.MetricFamily
	eventually(t, func() error {
		operator = exposed(t, w.operator)
		if operator["fileserver_operator_condition"] == nil {
			return fmt.Errorf("the operator tells nothing of FileServers")
		}
		return nil
	})
	text := string(read(t, reference))
	for name, families := range map[string]map[string]*dto.MetricFamily{"servers": server, "operator": operator} {
		begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->\n"
		before, rest, ok := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no place for the metrics of the %s", reference, name)
		}
		text = before + begin + table(families) + end + after
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, reference), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text != string(read(t, reference)) {
		t.Errorf("%s is not what is exposed: go test ./test/monitoring -update", reference)
	}
}

// exposed are the metrics of the project's own.
func exposed(t *testing.T, address string) map[string]*dto.MetricFamily {
	t.Helper()
	var text string
	eventually(t, func() (err error) {
		text, err = get(t, "http://"+address+"/metrics")
		return err
	})
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(families, func(name string, _ *dto.MetricFamily) bool { return !strings.HasPrefix(name, "fileserver_") })
	return families
}

func table(families map[string]*dto.MetricFamily) string {
	var b strings.Builder
	fmt.Fprintln(&b, "| metric | type | labels | |\n| --- | --- | --- | --- |")
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := families[name]
		labels := map[string]bool{}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				labels["`"+l.GetName()+"`"] = true
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), strings.Join(slices.Sorted(maps.Keys(labels)), ", "), f.GetHelp())
	}
	return b.String()
}
