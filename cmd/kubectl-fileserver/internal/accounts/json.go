package accounts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// An entry is an object of a dump in JSON.
type entry struct {
	line   int
	fields map[string]json.RawMessage
	used   map[string]bool
}

func newEntry(line int, raw json.RawMessage) (*entry, error) {
	e := &entry{line: line, used: map[string]bool{}}
	if err := json.Unmarshal(raw, &e.fields); err != nil {
		return nil, errors.New("it is no object with the fields of an account")
	}
	return e, nil
}

// get reads a field; one that is missing stays as it is.
func (e *entry) get(field string, to any) error {
	e.used[field] = true
	raw, ok := e.fields[field]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return fmt.Errorf("its field %s is of another kind than expected", field)
	}
	return nil
}

// skip takes fields for known about which there is nothing to say.
func (e *entry) skip(fields ...string) {
	for _, f := range fields {
		e.used[f] = true
	}
}

// rest are the fields that nobody has asked for, and that say something.
func (e *entry) rest() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(e.fields)), func(f string) bool {
		return e.used[f] || says(e.fields[f]) == ""
	})
}

// says is a value; empty if it is one that says nothing.
func says(raw json.RawMessage) string {
	switch text := strings.Join(strings.Fields(string(raw)), ""); text {
	case "null", `""`, "0", "false", "[]", "{}":
		return ""
	default:
		return text
	}
}

// A jsonDump is read one value after the other, so that what comes before a cut is
// read all the same.
type jsonDump struct {
	text    string
	decoder *json.Decoder

	at, line int // the line of an offset, from which those of later ones are counted
}

func newJSONDump(text string) *jsonDump {
	return &jsonDump{text: text, decoder: json.NewDecoder(strings.NewReader(text)), line: 1}
}

// next reads a value, and says on which line it begins.
func (d *jsonDump) next() (line int, raw json.RawMessage, err error) {
	at := int(d.decoder.InputOffset())
	at += len(d.text[at:]) - len(strings.TrimLeft(d.text[at:], " \t\r\n,:"))
	d.line += strings.Count(d.text[d.at:at], "\n")
	d.at, line = at, d.line
	err = d.decoder.Decode(&raw)
	return line, raw, err
}

// broken says where and how a dump ends before its end.
func (d *jsonDump) broken(err error) string {
	line := 1 + strings.Count(d.text[:d.decoder.InputOffset()], "\n")
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("the dump is cut after line %d: what came then is not known", line)
	}
	return fmt.Sprintf("the dump is no JSON after line %d, and what comes then was not read", line)
}

// field reads the name of the next field of an object; empty at its end.
func (d *jsonDump) field() (string, error) {
	t, err := d.decoder.Token()
	if err != nil {
		return "", err
	}
	if name, ok := t.(string); ok {
		return name, nil
	}
	return "", nil
}

// open reads the beginning of an object or a list.
func (d *jsonDump) open(delim json.Delim) error {
	t, err := d.decoder.Token()
	if err == nil && t != delim {
		err = fmt.Errorf("it does not begin with %q", delim)
	}
	return err
}

// isList reports whether the value begins as a list does.
func isList(raw json.RawMessage) bool { return bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) }
