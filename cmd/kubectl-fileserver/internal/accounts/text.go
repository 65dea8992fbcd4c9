package accounts

import (
	"fmt"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// A record is a line with fields.
type record struct {
	number int
	fields []string
	text   string
	last   bool // and nothing ends it, as if the file had been cut there
}

// lines are those of a text that are neither empty nor comments.
func lines(text string) []record {
	all := strings.Split(text, "\n")
	var records []record
	for i, line := range all {
		line = strings.TrimSuffix(line, "\r")
		if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		records = append(records, record{number: i + 1, fields: strings.Split(line, ":"), text: line, last: i == len(all)-1})
	}
	return records
}

// cut says that a record is perhaps not whole.
func (r record) cut() string {
	if r.last {
		return ": the file seems to be cut there"
	}
	return ""
}

// decode returns a text in UTF-8. Bytes that are none in the encoding stay, so that
// those fields alone cannot be used that have them.
func decode(text []byte, encoding string) (string, error) {
	var decoder transform.Transformer = transform.Nop
	if encoding != "" {
		e, err := htmlindex.Get(encoding)
		if err != nil {
			return "", fmt.Errorf("the encoding %q is not known", encoding)
		}
		decoder = e.NewDecoder()
	}
	out, _, err := transform.Bytes(unicode.BOMOverride(decoder), text)
	if err != nil {
		return "", fmt.Errorf("reading the dump as %s: %w", encoding, err)
	}
	return string(out), nil
}
