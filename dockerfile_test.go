package fileserver_test

import (
	"os"
	"regexp"
	"testing"
)

// TestBothWaysMakeTheSameImages compares the Dockerfile, which users build,
// with `make images`, which builds without Docker.
func TestBothWaysMakeTheSameImages(t *testing.T) {
	dockerfile, makefile := read(t, "Dockerfile"), read(t, "Makefile")
	for _, name := range []string{"manager", "fileserver"} {
		target := regexp.MustCompile(`(?s)FROM scratch AS ` + name + `\n(.*?)(\n\n|$)`).FindStringSubmatch(dockerfile)
		if target == nil {
			t.Errorf("the Dockerfile has no target %s without a base image", name)
			continue
		}
		for what, want := range map[string]string{
			"program":    `COPY --from=build /out/` + name + ` /` + name,
			"user":       `USER 65532:65532`,
			"entrypoint": `ENTRYPOINT \["/` + name + `"\]`,
		} {
			if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(target[1]) {
				t.Errorf("target %s of the Dockerfile has no %s as in %q", name, what, want)
			}
		}
		line := `bin/image --out dist/` + name + `\.tar .*--entrypoint /` + name + ` --file bin/` + name + `=/` + name + `$`
		if !regexp.MustCompile(`(?m)` + line).MatchString(makefile) {
			t.Errorf("make images writes no image %s as in %q", name, line)
		}
	}
	// The user is hack/image's default.
	if image := read(t, "hack/image/main.go"); !regexp.MustCompile(`&image.User, "user", "65532:65532"`).MatchString(image) {
		t.Error("hack/image has another default user than the Dockerfile")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
