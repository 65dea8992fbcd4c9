package sftp

import (
	"errors"
	"slices"
	"testing"
)

func TestACommandLineIsSplitAsAShellDoes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"":                                nil,
		"  scp  -t\t/x ":                  {"scp", "-t", "/x"},
		`scp -t 'with space'`:             {"scp", "-t", "with space"},
		`scp -t with\ space`:              {"scp", "-t", "with space"},
		`scp -t "a \"b\" \$c \d"`:         {"scp", "-t", `a "b" $c \d`},
		`scp -f 'it'\''s'`:                {"scp", "-f", "it's"},
		`scp -t ''`:                       {"scp", "-t", ""},
		`a$(rm -rf /)`:                    {"a$(rm", "-rf", "/)"},
		"a;b|c&d>e `f`":                   {"a;b|c&d>e", "`f`"},
		`md5sum "Füße und \\ Rückstrich"`: {"md5sum", `Füße und \ Rückstrich`},
	} {
		words, err := splitCommand(line)
		var got []string
		for _, w := range words {
			got = append(got, w.text)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{`'`, `"`, `a 'b`, `"\"`, `\`} {
		if _, err := splitCommand(line); !errors.Is(err, errQuote) {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestOnlyWhatIsNotQuotedIsAPattern(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`*.txt`: `*.txt`, `'*.txt'`: "", `\*.txt`: "", `a\ [bc]"?*"`: `a [bc]\?\*`, `plain`: "",
	} {
		words, err := splitCommand(line)
		if err != nil || len(words) != 1 || words[0].pattern != want {
			t.Errorf("%s: %+v, %v", line, words, err)
		}
	}
}

func TestLinesOfSCPAreChecked(t *testing.T) {
	t.Parallel()
	for line, good := range map[string]bool{
		"C0644 10 name": true, "C0644 0 with space": true, "D0755 0 dir": true, "E": true, "T1 0 2 0": true, "C4755 9223372036854775807 x": true,
		"": false, "X": false, "C": false, "C0644": false, "C0644 10": false, "C0644 10 ": false, "C0644 -1 x": false, "C0644 +1 x": false,
		"C0644 9223372036854775808 x": false, "C0999 1 x": false, "C644 1 x": false, "C0644 1 a/b": false, "C0644 1 .": false, "C0644 1 ..": false,
		"D0755 0 /": false, "C0644 1 a\x00b": false, "T1 0 2": false, "T-1 0 2 0": false, "T1 0 x 0": false,
	} {
		if _, err := parseSCPHeader(line); (err == nil) != good {
			t.Errorf("%q: %v", line, err)
		}
	}
}
