package server

import (
	"maps"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// hotTests change one hot field of a running server, and see it in force, on all
// listeners that it is for.
func hotTests() map[string]func(t *testing.T) {
	all := map[string]func(t *testing.T){}
	for _, some := range []map[string]func(t *testing.T){hotFTP, hotTLS, hotSSH, hotStorage, hotSessions, hotAudit, hotEvents} {
		maps.Copy(all, some)
	}
	return all
}

func TestEveryHotFieldIsInForceOnARunningServer(t *testing.T) {
	t.Parallel()
	known, hotTests := map[string]bool{}, hotTests()
	for _, field := range config.Fields() {
		known[field.Path] = true
		test := hotTests[field.Path]
		switch {
		case field.Hot && test == nil:
			t.Errorf("%s is said to be hot, and no test has seen a change of it in force", field.Path)
		case !field.Hot && test != nil:
			t.Errorf("%s is said to be cold, and a test has seen a change of it in force", field.Path)
		case test != nil:
			t.Run(field.Path, func(t *testing.T) {
				t.Parallel()
				test(t)
			})
		}
	}
	for path := range hotTests {
		if !known[path] {
			t.Errorf("there is no field %s", path)
		}
	}
}
