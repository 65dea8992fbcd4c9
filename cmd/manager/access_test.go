package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
)

// reviewer plays the part of the API server: "prometheus" may get /metrics, "nobody"
// may not, and it knows no others.
type reviewer struct {
	asked  int
	broken bool
}

func (f *reviewer) RoundTrip(r *http.Request) (*http.Response, error) {
	f.asked++
	if f.broken {
		return nil, errors.New("connection refused")
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/apis/authentication.k8s.io/v1/tokenreviews":
		var review authenticationv1.TokenReview
		if err := json.Unmarshal(b, &review); err != nil {
			return nil, err
		}
		review.Status.Authenticated = review.Spec.Token == "prometheus" || review.Spec.Token == "nobody"
		review.Status.User.Username = review.Spec.Token
		err = json.NewEncoder(w).Encode(&review)
	case "/apis/authorization.k8s.io/v1/subjectaccessreviews":
		var review authorizationv1.SubjectAccessReview
		if err := json.Unmarshal(b, &review); err != nil {
			return nil, err
		}
		a := review.Spec.NonResourceAttributes
		review.Status.Allowed = review.Spec.User == "prometheus" && a.Path == "/metrics" && a.Verb == "get"
		err = json.NewEncoder(w).Encode(&review)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	return w.Result(), err
}

func TestWhoMayReadTheMetrics(t *testing.T) {
	api := &reviewer{}
	cfg := &rest.Config{Host: "https://api.example", ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	filter, err := newAccess(cfg, &http.Client{Transport: api})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := filter(logr.Discard(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		method, path, authorization string
		want                        int
	}{
		"nobody in particular":           {"GET", "/metrics", "", http.StatusUnauthorized},
		"a password":                     {"GET", "/metrics", "Basic cHJvbWV0aGV1czo=", http.StatusUnauthorized},
		"an empty token":                 {"GET", "/metrics", "Bearer ", http.StatusUnauthorized},
		"a token of nobody's":            {"GET", "/metrics", "Bearer forged", http.StatusUnauthorized},
		"an account without the right":   {"GET", "/metrics", "Bearer nobody", http.StatusForbidden},
		"an account with the right":      {"GET", "/metrics", "Bearer prometheus", http.StatusOK},
		"the right for another path":     {"GET", "/debug", "Bearer prometheus", http.StatusForbidden},
		"the right for another method":   {"POST", "/metrics", "Bearer prometheus", http.StatusForbidden},
		"the scheme in another spelling": {"GET", "/metrics", "bearer prometheus", http.StatusOK},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d", name, w.Code, c.want)
		}
	}
}

func TestTheAPIServerIsAskedOnceAMinuteAndItsFailuresAdmitNobody(t *testing.T) {
	api := &reviewer{broken: true}
	cfg := &rest.Config{Host: "https://api.example", ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	a, err := accessFor(cfg, &http.Client{Transport: api})
	if err != nil {
		t.Fatal(err)
	}
	now := clocktesting.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	a.clock = now
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Authorization", "Bearer prometheus")
	if status, err := a.judge(r); err == nil {
		t.Errorf("without the API server, the answer is %d", status)
	}
	api.broken, api.asked = false, 0
	for range 3 {
		if status, err := a.judge(r); err != nil || status != http.StatusOK {
			t.Errorf("%d (%v)", status, err)
		}
	}
	if api.asked != 2 {
		t.Errorf("the API server has been asked %d times, want 2", api.asked)
	}
	now.SetTime(now.Now().Add(verdictTime))
	if _, err := a.judge(r); err != nil || api.asked != 4 {
		t.Errorf("after a minute, the API server has been asked %d times, want 4 (%v)", api.asked, err)
	}
}
