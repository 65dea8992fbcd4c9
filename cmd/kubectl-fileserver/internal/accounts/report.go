package accounts

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// outcomes, the most important first.
var outcomes = []Outcome{LeftOut, Suspended, Unsaid, CameAlong}

// WriteNotes writes notes for people. What is said of several lines is said once.
func WriteNotes(w io.Writer, notes []Note) error {
	for _, outcome := range outcomes {
		var reasons []string
		about := map[string][]Note{}
		for _, n := range notes {
			if n.Outcome != outcome {
				continue
			}
			if about[n.Reason] == nil {
				reasons = append(reasons, n.Reason)
			}
			about[n.Reason] = append(about[n.Reason], n)
		}
		if len(reasons) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s:\n", outcome); err != nil {
			return err
		}
		for _, reason := range reasons {
			if _, err := fmt.Fprintf(w, "  %s%s\n", whose(about[reason]), reason); err != nil {
				return err
			}
		}
	}
	return nil
}

// whose names lines and accounts: "lines 3, 5-9 (alice, bob, ...): ".
func whose(notes []Note) string {
	const shown = 5
	var lines []int
	var names []string
	for _, n := range notes {
		if n.Line > 0 {
			lines = append(lines, n.Line)
		}
		if n.Account != "" && !slices.Contains(names, n.Account) {
			names = append(names, n.Account)
		}
	}
	if len(names) > shown {
		names = append(names[:shown], fmt.Sprintf("and %d more", len(names)-shown))
	}
	accounts := strings.Join(names, ", ")
	switch {
	case len(lines) == 0 && accounts == "":
		return ""
	case len(lines) == 0:
		return accounts + ": "
	case accounts != "":
		accounts = " (" + accounts + ")"
	}
	if len(lines) == 1 {
		return "line " + strconv.Itoa(lines[0]) + accounts + ": "
	}
	return "lines " + ranges(lines) + accounts + ": "
}

// ranges writes numbers as in "3, 5-9".
func ranges(numbers []int) string {
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		part := strconv.Itoa(numbers[i])
		if j > i {
			part += "-" + strconv.Itoa(numbers[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

// Incomplete says whether something did not come along.
func Incomplete(notes []Note) bool {
	return slices.ContainsFunc(notes, func(n Note) bool { return n.Outcome != CameAlong })
}
