package sftp

import (
	"errors"
	"strings"
)

// A word is one of a command line.
type word struct {
	text string
	// pattern is text with all that was quoted escaped, for path.Match; it is
	// empty if there is nothing to match.
	pattern string
}

var errQuote = errors.New("sftp: a quotation is not closed")

// splitCommand splits a command line into words as a POSIX shell does, with
// quotes and backslashes. All that a shell would do beyond that it takes
// literally: no client needs it, and nothing is ever executed.
func splitCommand(command string) ([]word, error) {
	var words []word
	var w wordBuilder
	for i := 0; i < len(command); i++ {
		switch c := command[i]; c {
		case ' ', '\t', '\n':
			words = w.appendTo(words)
		case '\'':
			end := strings.IndexByte(command[i+1:], '\'')
			if end < 0 {
				return nil, errQuote
			}
			w.quoted(command[i+1 : i+1+end])
			i += 1 + end
		case '"':
			i++
			w.quoted("")
			for ; i < len(command) && command[i] != '"'; i++ {
				if command[i] == '\\' && i+1 < len(command) && strings.IndexByte("\"\\$`", command[i+1]) >= 0 {
					i++
				}
				w.quoted(command[i : i+1])
			}
			if i == len(command) {
				return nil, errQuote
			}
		case '\\':
			if i++; i == len(command) {
				return nil, errQuote
			}
			w.quoted(command[i : i+1])
		default:
			w.plain(c)
		}
	}
	return w.appendTo(words), nil
}

type wordBuilder struct {
	text, pattern strings.Builder
	started       bool
	wild          bool
}

func (w *wordBuilder) plain(c byte) {
	w.started = true
	w.wild = w.wild || strings.IndexByte("*?[", c) >= 0
	w.text.WriteByte(c)
	w.pattern.WriteByte(c)
}

func (w *wordBuilder) quoted(s string) {
	w.started = true
	w.text.WriteString(s)
	for i := range len(s) {
		if strings.IndexByte(`*?[]\`, s[i]) >= 0 {
			w.pattern.WriteByte('\\')
		}
		w.pattern.WriteByte(s[i])
	}
}

func (w *wordBuilder) appendTo(words []word) []word {
	if w.started {
		next := word{text: w.text.String()}
		if w.wild {
			next.pattern = w.pattern.String()
		}
		words = append(words, next)
	}
	*w = wordBuilder{}
	return words
}
