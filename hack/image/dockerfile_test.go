package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const root = "../.."

// built is what matters to those who run an image, however it was built.
type built struct {
	user, entrypoint, source, dest string
	labels                         map[string]string
}

// Users build images with Docker, the demo and the tests without: what one
// finds out must be true of the other.
func TestDockerfileAndMakefileBuildTheSameImages(t *testing.T) {
	stages := dockerfile(t)
	byMake := makefile(t)
	if len(byMake) != 2 {
		t.Fatalf("make images builds %d images, want 2", len(byMake))
	}
	for out, want := range byMake {
		target := strings.TrimSuffix(filepath.Base(out), ".tar")
		got, ok := stages[target]
		if !ok {
			t.Errorf("Dockerfile has no target %s", target)
			continue
		}
		if got.user != want.user || got.entrypoint != want.entrypoint || got.source != want.source || got.dest != want.dest {
			t.Errorf("%s: Dockerfile has %+v, Makefile %+v", target, got, want)
		}
		if !maps.Equal(got.labels, want.labels) {
			t.Errorf("%s: labels are\n%v in Dockerfile,\n%v in Makefile", target, got.labels, want.labels)
		}
		if want.user != "65532:65532" || want.entrypoint != "/"+target {
			t.Errorf("%s runs %s as %s", target, want.entrypoint, want.user)
		}
	}
}

func TestDockerfileAndMakefileBuildWithTheSameFlags(t *testing.T) {
	flags := regexp.MustCompile(`go build (-trimpath -buildvcs=false) +-ldflags ("[^"]*")`)
	want := flags.FindStringSubmatch(commands(t))
	lines := strings.Join(instructions(t), "\n")
	got := flags.FindStringSubmatch(arguments(lines).Replace(lines))
	if want == nil || got == nil || !slices.Equal(got[1:], want[1:]) {
		t.Errorf("go build has %q in Dockerfile, %q in Makefile", got, want)
	}
}

func TestDockerfileCopiesWhatTheProgramsAreMadeOf(t *testing.T) {
	ignore := read(t, ".dockerignore")
	copied := strings.Join(instructions(t), "\n") + "\n"
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.Dir}}{{end}}{{end}}", "./cmd/manager", "./cmd/fileserver")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range strings.Fields(string(out)) {
		path, err := filepath.Rel(top, dir)
		if err != nil {
			t.Fatal(err)
		}
		folder, _, _ := strings.Cut(path, "/")
		if !strings.Contains(copied, "COPY "+folder+" "+folder+"\n") || !strings.Contains(ignore, "!"+folder+"\n") {
			t.Errorf("the programs need %s: copy %s in Dockerfile, and except it in .dockerignore", path, folder)
		}
	}
}

func TestTheChartRunsTheImagesOfTheMakefile(t *testing.T) {
	var values struct {
		Image, ServerImage struct{ Repository, Tag string }
	}
	var chart struct{ AppVersion string }
	parse(t, "charts/fileserver-operator/values.yaml", &values)
	parse(t, "charts/fileserver-operator/Chart.yaml", &chart)
	all := commands(t)
	for out, repository := range map[string]string{"manager.tar": values.Image.Repository, "fileserver.tar": values.ServerImage.Repository} {
		if tag := repository + ":" + chart.AppVersion; !regexp.MustCompile(`(?m)--tag ` + regexp.QuoteMeta(tag) + ` .*` + out).MatchString(all) {
			t.Errorf("the chart runs %s, and make builds another %s", tag, out)
		}
	}
}

// makefile returns the images that make builds, by their archives.
func makefile(t *testing.T) map[string]built {
	t.Helper()
	images := map[string]built{}
	for _, line := range strings.Split(commands(t), "\n") {
		args, ok := strings.CutPrefix(line, "bin/image ")
		if !ok {
			continue
		}
		cmd := command()
		if err := cmd.ParseFlags(strings.Fields(args)); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		text := func(name string) string { return cmd.Flag(name).Value.String() }
		list := func(name string) []string {
			all, err := cmd.Flags().GetStringArray(name)
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		image := built{user: text("user"), entrypoint: strings.Join(list("entrypoint"), " "), labels: map[string]string{}}
		for _, l := range list("label") {
			key, value, _ := strings.Cut(l, "=")
			image.labels[key] = value
		}
		source, dest, _ := strings.Cut(strings.Join(list("file"), " "), "=")
		image.source, image.dest = filepath.Base(source), dest
		images[text("out")] = image
	}
	return images
}

// commands are those of `make images`.
func commands(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", "--dry-run", "--no-print-directory", "--directory", root, "images")
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		// A make around this test, and what a user has set, are no concern.
		if !slices.Contains([]string{"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VERSION", "REGISTRY", "MANAGER_IMAGE", "SERVER_IMAGE"}, name) {
			cmd.Env = append(cmd.Env, e)
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make: %v\n%s", err, out)
	}
	return strings.ReplaceAll(string(out), "\\\n", " ")
}

// dockerfile returns the images that Docker builds, by their targets.
func dockerfile(t *testing.T) map[string]built {
	t.Helper()
	stages := map[string]built{}
	var name string
	for _, line := range instructions(t) {
		fields := strings.Fields(line)
		stage := stages[name]
		switch fields[0] {
		case "FROM":
			if name = fields[len(fields)-1]; name != "build" {
				stages[name] = built{labels: map[string]string{}}
				if fields[1] != "scratch" {
					t.Errorf("target %s is built from %s: it needs nothing but its program", name, fields[1])
				}
			}
			continue
		case "USER":
			stage.user = fields[1]
		case "ENTRYPOINT":
			stage.entrypoint = strings.Trim(fields[1], `[]"`)
		case "COPY":
			stage.source, stage.dest = filepath.Base(fields[len(fields)-2]), fields[len(fields)-1]
		case "LABEL":
			for _, l := range fields[1:] {
				key, value, _ := strings.Cut(arguments(strings.Join(instructions(t), "\n")).Replace(l), "=")
				stage.labels[key] = value
			}
		}
		if name != "build" && name != "" {
			stages[name] = stage
		}
	}
	return stages
}

// arguments replaces the build arguments of a Dockerfile by their defaults.
func arguments(lines string) *strings.Replacer {
	var pairs []string
	for _, m := range regexp.MustCompile(`\b([A-Z_]+)=(\S+)`).FindAllStringSubmatch(lines, -1) {
		pairs = append(pairs, "$"+m[1], m[2])
	}
	return strings.NewReplacer(pairs...)
}

// instructions are a Dockerfile's, each on one line.
func instructions(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, line := range strings.Split(strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " "), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}

func parse(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, name)), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
