package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	reviewTimeout = 10 * time.Second
	verdictTime   = time.Minute // how long an answer of the API server counts
	mostVerdicts  = 1000
)

// access admits those to a path of whom the API server says that they may get it: a
// bearer token tells who it is, as with all that is asked of Kubernetes.
type access struct {
	tokens authenticationv1client.TokenReviewInterface
	access authorizationv1client.SubjectAccessReviewInterface
	clock  clock.PassiveClock

	mu       sync.Mutex
	verdicts map[[sha256.Size]byte]verdict
}

// verdict is what the API server said of a token and a path.
type verdict struct {
	status int // 200, 401 or 403
	until  time.Time
}

func newAccess(cfg *rest.Config, client *http.Client) (metricsserver.Filter, error) {
	a, err := accessFor(cfg, client)
	if err != nil {
		return nil, err
	}
	return a.filter, nil
}

func accessFor(cfg *rest.Config, client *http.Client) (*access, error) {
	tokens, err := authenticationv1client.NewForConfigAndClient(cfg, client)
	if err != nil {
		return nil, fmt.Errorf("making a client for token reviews: %w", err)
	}
	reviews, err := authorizationv1client.NewForConfigAndClient(cfg, client)
	if err != nil {
		return nil, fmt.Errorf("making a client for access reviews: %w", err)
	}
	return &access{tokens: tokens.TokenReviews(), access: reviews.SubjectAccessReviews(), clock: clock.RealClock{}}, nil
}

func (a *access) filter(log logr.Logger, next http.Handler) (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, err := a.judge(r)
		if err != nil {
			log.Error(err, "Asking the API server who reads the metrics")
			status = http.StatusInternalServerError
		}
		if status != http.StatusOK {
			http.Error(w, http.StatusText(status), status)
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}

func (a *access) judge(r *http.Request) (status int, err error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return http.StatusUnauthorized, nil
	}
	id := sha256.Sum256([]byte(r.Method + " " + r.URL.Path + " " + token))
	now := a.clock.Now()
	a.mu.Lock()
	v, known := a.verdicts[id]
	a.mu.Unlock()
	if known && now.Before(v.until) {
		return v.status, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), reviewTimeout)
	defer cancel()
	if status, err = a.review(ctx, strings.TrimSpace(token), r); err != nil {
		return 0, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.verdicts == nil || len(a.verdicts) >= mostVerdicts {
		a.verdicts = map[[sha256.Size]byte]verdict{}
	}
	a.verdicts[id] = verdict{status, now.Add(verdictTime)}
	return status, nil
}

// review asks the API server whose token it is, and whether that account may.
func (a *access) review(ctx context.Context, token string, r *http.Request) (status int, err error) {
	who, err := a.tokens.Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token},
	}, metav1.CreateOptions{})
	if err != nil {
		return 0, fmt.Errorf("reviewing a token: %w", err)
	}
	if !who.Status.Authenticated {
		return http.StatusUnauthorized, nil
	}
	extra := map[string]authorizationv1.ExtraValue{}
	for k, v := range who.Status.User.Extra {
		extra[k] = authorizationv1.ExtraValue(v)
	}
	may, err := a.access.Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: who.Status.User.Username, UID: who.Status.User.UID, Groups: who.Status.User.Groups, Extra: extra,
			NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: r.URL.Path, Verb: strings.ToLower(r.Method)},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return 0, fmt.Errorf("reviewing the access of %s: %w", who.Status.User.Username, err)
	}
	if !may.Status.Allowed {
		return http.StatusForbidden, nil
	}
	return http.StatusOK, nil
}
