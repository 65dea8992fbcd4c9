package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestAsk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		ok     bool
	}{
		"somebody who may read it":     {http.StatusOK, true},
		"somebody without a token":     {http.StatusUnauthorized, true},
		"a server that has not begun":  {http.StatusServiceUnavailable, false},
		"another server at this place": {http.StatusNotFound, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.status) }))
			defer server.Close()
			// Long enough for one answer on a machine that is busy.
			within := time.Minute
			if !c.ok {
				within = 200 * time.Millisecond
			}
			if err := ask(server.URL+"/metrics", within); (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}
