package conditions

import (
	"fmt"
	"strings"
)

// Problem is why an object is not as wanted: a reason, and a sentence that says
// what to do. It is an error, so that a step returns it like any other.
type Problem struct {
	Reason  string
	Message string
	// Stalled is true if waiting does not help.
	Stalled bool
}

func (p *Problem) Error() string { return p.Message }

// Waiting is a problem that the cluster may solve by itself.
func Waiting(reason, format string, args ...any) *Problem {
	return &Problem{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Stalled is a problem that stays until somebody does something.
func Stalled(reason, format string, args ...any) *Problem {
	return &Problem{Reason: reason, Message: fmt.Sprintf(format, args...), Stalled: true}
}

const (
	// maxForeign is how many bytes of a text that others wrote a condition
	// repeats: enough to see what is wrong, and few enough for the status of an
	// object with many problems.
	maxForeign = 1024
	// maxMessage is how many bytes the message of a condition has. The API
	// server refuses more than 32 KiB (metav1.Condition).
	maxMessage = 8 * 1024
)

// Cut shortens a text that others wrote to 1 KiB, and leaves the full stop to
// the sentence around it.
func Cut(text string) string {
	return cut(strings.TrimRight(strings.TrimSpace(text), "."), maxForeign)
}

// cut shortens a text to that many bytes, between two characters.
func cut(text string, size int) string {
	const mark = "…"
	text = strings.ToValidUTF8(text, "�")
	if len(text) <= size {
		return text
	}
	return strings.ToValidUTF8(text[:size-len(mark)], "") + mark
}
