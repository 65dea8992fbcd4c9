package monitoring_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

// Each query of the dashboard and each alert is of metrics that the binaries expose, with
// the labels that they have after Prometheus has read them.
func TestPrometheusHasWhatTheAlertsAndTheDashboardAskFor(t *testing.T) {
	t.Parallel()
	prometheus := program(t, "prometheus")
	w := newWorld(t)
	w.volume.clients(t)
	w.bucket.clients(t)
	w.volume.changeUsers(t)
	eventually(t, func() error {
		if exposed(t, fixture.Address(w.volume.ports.HTTP))["fileserver_config_reloads_total"] == nil {
			return errors.New("the server has not read its users again")
		}
		return nil
	})
	w.checkReference(t)
	address := startPrometheus(t, prometheus, w)

	list, _ := rules(t)
	queries := dashboard(t)
	for _, r := range list {
		queries = append(queries, r.Expr)
	}
	checked := map[string]bool{}
	for _, q := range queries {
		for _, selector := range selectors(q) {
			if checked[selector] {
				continue
			}
			checked[selector] = true
			eventually(t, func() error {
				switch n, err := count(t, address, selector); {
				case err != nil:
					return err
				case n == 0:
					return fmt.Errorf("nothing has %s, which is asked for by\n%s", selector, q)
				}
				return nil
			})
		}
	}
	// As wholes: none is wrong, and those of the dashboard have something to show.
	for _, q := range dashboard(t) {
		eventually(t, func() error {
			n, err := count(t, address, q)
			if err == nil && n == 0 {
				err = fmt.Errorf("nothing to show for\n%s", q)
			}
			return err
		})
	}
	for _, r := range list {
		if _, err := count(t, address, r.Expr); err != nil {
			t.Errorf("%s: %v", r.Alert, err)
		}
	}

	w.volume.misconfigure(t)
	eventually(t, func() error {
		n, err := count(t, address, `fileserver_config_refused{fileserver="volume"} == 1`)
		if err == nil && n == 0 {
			err = errors.New("no server refuses its configuration")
		}
		return err
	})
}

// startPrometheus has it scrape the world as the Prometheus Operator would tell it to, from the
// monitors in config/prometheus.
func startPrometheus(t *testing.T, binary string, w *world) (address string) {
	t.Helper()
	ports, err := fixture.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, file := rules(t)
	targets := func(address, fileserver string) map[string]any {
		// What the discovery of Kubernetes knows of a pod, and the labels that the
		// Prometheus Operator always sets.
		return map[string]any{"targets": []string{address}, "labels": map[string]string{
			"__meta_kubernetes_pod_label_fileserver_dev_server": fileserver, "namespace": "default", "pod": fileserver + "-0", "container": "server",
		}}
	}
	pods, operator := monitors(t)
	conf, err := yaml.Marshal(map[string]any{
		"global":     map[string]any{"scrape_interval": "500ms", "evaluation_interval": "1s"},
		"rule_files": []string{"rules.yaml"},
		"scrape_configs": []any{
			map[string]any{"job_name": "file-servers", "relabel_configs": pods.relabelings(t), "static_configs": []any{
				targets(fixture.Address(w.volume.ports.HTTP), "volume"), targets(fixture.Address(w.bucket.ports.HTTP), "bucket"),
			}},
			map[string]any{"job_name": "operator", "honor_labels": operator.HonorLabels, "relabel_configs": operator.relabelings(t), "static_configs": []any{
				map[string]any{"targets": []string{w.operator}, "labels": map[string]string{"namespace": "system", "pod": "operator"}},
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"rules.yaml": file, "prometheus.yaml": conf} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address = fixture.Address(ports.HTTP)
	run(t, "prometheus", exec.Command(binary, "--config.file="+filepath.Join(dir, "prometheus.yaml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--log.level=warn"))
	eventually(t, func() error {
		_, err := get(t, "http://"+address+"/-/ready")
		return err
	})
	return address
}

// endpoint is how a monitor has one port read.
type endpoint struct {
	HonorLabels bool `json:"honorLabels"`
	Relabelings []struct {
		SourceLabels []string `json:"sourceLabels"`
		TargetLabel  string   `json:"targetLabel"`
	} `json:"relabelings"`
}

// relabelings are as Prometheus itself writes them.
func (e endpoint) relabelings(t *testing.T) (list []any) {
	t.Helper()
	for _, r := range e.Relabelings {
		list = append(list, map[string]any{"source_labels": r.SourceLabels, "target_label": r.TargetLabel})
	}
	return list
}

func monitors(t *testing.T) (pods, operator endpoint) {
	t.Helper()
	for _, document := range strings.Split(string(read(t, "config/prometheus/monitors.yaml")), "\n---\n") {
		var monitor struct {
			Kind string `json:"kind"`
			Spec struct {
				Endpoints           []endpoint `json:"endpoints"`
				PodMetricsEndpoints []endpoint `json:"podMetricsEndpoints"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal([]byte(document), &monitor); err != nil {
			t.Fatal(err)
		}
		switch monitor.Kind {
		case "PodMonitor":
			pods = monitor.Spec.PodMetricsEndpoints[0]
		case "ServiceMonitor":
			operator = monitor.Spec.Endpoints[0]
		}
	}
	return pods, operator
}

// dashboard has the queries of Grafana's dashboard, of its variables too, with all that can
// be chosen.
func dashboard(t *testing.T) (queries []string) {
	t.Helper()
	var d struct {
		Templating struct {
			List []struct {
				Type       string `json:"type"`
				Definition string `json:"definition"`
			} `json:"list"`
		} `json:"templating"`
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(read(t, "config/prometheus/dashboard.json"), &d); err != nil {
		t.Fatal(err)
	}
	values := strings.NewReplacer("$namespace", ".*", "$fileserver", ".*", "$__rate_interval", "5m")
	seen := map[int]bool{}
	for _, p := range d.Panels {
		if seen[p.ID] || p.Title == "" {
			t.Errorf("panel %d %q has no number or title of its own", p.ID, p.Title)
		}
		seen[p.ID] = true
		for _, target := range p.Targets {
			queries = append(queries, values.Replace(target.Expr))
		}
	}
	for _, v := range d.Templating.List {
		if m := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`).FindStringSubmatch(v.Definition); m != nil {
			queries = append(queries, fmt.Sprintf("count by (%s) (%s)", m[2], values.Replace(m[1])))
		} else if v.Type == "query" {
			t.Errorf("the variable asks for %q", v.Definition)
		}
	}
	return queries
}

var selector = regexp.MustCompile(`\b(?:fileserver_|controller_runtime_|workqueue_|process_|go_)\w+(?:\{[^}]*\})?|\bup\{[^}]*\}`)

// selectors are the series that a query asks for.
func selectors(query string) []string { return selector.FindAllString(query, -1) }

// count is how many series a query has.
func count(t *testing.T, address, query string) (int, error) {
	t.Helper()
	body, err := get(t, "http://"+address+"/api/v1/query?query="+url.QueryEscape(query))
	if err != nil {
		return 0, err
	}
	var answer struct {
		Data struct {
			Result []json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return 0, err
	}
	return len(answer.Data.Result), nil
}
