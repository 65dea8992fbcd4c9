package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"
	"sigs.k8s.io/yaml"

	"github.com/fileserver-dev/fileserver-operator/cmd/kubectl-fileserver/internal/diagnose"
)

// writeReport writes a page for an issue.
func (c *checker) writeReport(v verdict, f diagnose.Found) error {
	if c.report == "" {
		return nil
	}
	var b strings.Builder
	e := f.Expected
	fmt.Fprintf(&b, "# Check of the FileServer %s\n\n", v.Server)
	fmt.Fprintf(&b, "%s, kubectl-fileserver %s on %s/%s.\n\n", f.Now.UTC().Format("2006-01-02 15:04:05 MST"), version, runtime.GOOS, runtime.GOARCH)
	if v.Finding != nil {
		fmt.Fprintf(&b, "**Wrong:** %s\n\n**Do:** %s\n\n**More:** %s\n\n", v.Finding.Wrong, v.Finding.Do, v.Finding.Page)
	} else {
		b.WriteString("Nothing is wrong.\n\n")
	}
	for _, r := range v.Remarks {
		fmt.Fprintf(&b, "- %s\n", r)
	}
	fmt.Fprintf(&b, "\n## Promised\n\n| | |\n| --- | --- |\n| ready | %t, %s: %s |\n| exposure | %s |\n| certificate | %s |\n", e.Ready, e.Reason, cell(e.Message), e.Exposure, e.Certificate)
	for _, k := range e.HostKeys {
		fmt.Fprintf(&b, "| host key | %s %s |\n", k.Type, k.Fingerprint)
	}
	for i, s := range e.Slots {
		fmt.Fprintf(&b, "| slot %d | pod %s, %d passive ports |\n", i, s.Pod, len(s.Ports))
	}
	b.WriteString("\n## Tried\n\n| protocol | address | mode | told | result |\n| --- | --- | --- | --- | --- |\n")
	for _, a := range v.Attempts {
		told := ""
		if a.Told.IsValid() {
			told = a.Told.String()
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", a.Protocol, a.Where(), a.Mode, told, cell(a.Result()))
	}
	return os.WriteFile(c.report, []byte(b.String()), 0o600)
}

// cell is text that does not end a cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "\r", " ").Replace(s)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "    ")
	return e.Encode(v)
}

func writeYAML(w io.Writer, v any) error {
	text, err := yaml.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func trimLine(s string) string { return strings.TrimRight(s, "\r\n") }

// progress shows what is tried, where somebody looks.
func (o *options) progress() func(string) {
	if !o.watched() {
		return nil
	}
	return func(what string) { fmt.Fprintf(o.ErrOut, "\r\033[K%s ...", what) }
}

func (o *options) clearProgress() {
	if o.watched() {
		fmt.Fprint(o.ErrOut, "\r\033[K")
	}
}

func (o *options) watched() bool {
	f, ok := o.ErrOut.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
