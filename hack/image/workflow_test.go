package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// What GitHub and a registry are needed for cannot be tried here; that what the workflow
// asks of this repository is there can.
func TestTheReleaseWorkflowAsksForWhatIsThere(t *testing.T) {
	var workflow struct {
		Permissions map[string]string `json:"permissions"`
		Jobs        map[string]struct {
			Steps []struct {
				Uses string `json:"uses"`
				Run  string `json:"run"`
			} `json:"steps"`
		} `json:"jobs"`
	}
	if err := yaml.Unmarshal([]byte(read(t, ".github/workflows/release.yaml")), &workflow); err != nil {
		t.Fatal(err)
	}
	if len(workflow.Permissions) != 1 || workflow.Permissions["contents"] != "read" {
		t.Errorf("by default the workflow may do %v", workflow.Permissions)
	}
	pinned := regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40}$`)
	var targets int
	for _, job := range workflow.Jobs {
		for _, step := range job.Steps {
			if step.Uses != "" && !pinned.MatchString(step.Uses) {
				t.Errorf("%s is not pinned by its commit", step.Uses)
			}
			if step.Run != "" {
				if out, err := exec.CommandContext(t.Context(), "bash", "-n", "-c", step.Run).CombinedOutput(); err != nil {
					t.Errorf("%v in\n%s\n%s", err, step.Run, out)
				}
			}
			for line := range strings.Lines(step.Run) {
				if words := strings.Fields(line); len(words) > 1 && words[0] == "make" {
					targets++
					if out, err := exec.CommandContext(t.Context(), "make", append([]string{"--dry-run", "--directory", root}, words[1:]...)...).CombinedOutput(); err != nil {
						t.Errorf("%s: %v\n%s", strings.TrimSpace(line), err, out)
					}
				}
			}
		}
	}
	if targets < 5 {
		t.Errorf("the workflow makes %d targets", targets)
	}
	for path := range strings.FieldsSeq("charts/fileserver-operator/Chart.yaml .ci/run hack/reproducible.sh") {
		if matches, err := filepath.Glob(filepath.Join(root, path)); err != nil || len(matches) != 1 {
			t.Errorf("%s: %v, %v", path, matches, err)
		}
	}
}
