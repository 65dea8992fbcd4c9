package conditions_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
)

func TestWhatFollowsFromAnError(t *testing.T) {
	t.Parallel()
	services := schema.GroupResource{Resource: "services"}
	conflict := apierrors.NewConflict(services, "files", errors.New("changed"))
	for name, tc := range map[string]struct {
		err     error
		before  int
		reason  string // none: nothing is said
		stalled bool
		says    string
		retry   time.Duration
	}{
		"a problem stays what it is": {
			fmt.Errorf("wrapped: %w", conditions.Stalled("Odd", "It is odd.")), 0, "Odd", true, "It is odd.", 0,
		},
		"a name that is taken needs somebody's hand": {
			fmt.Errorf("Service files: %w", conditions.ErrNameTaken), 0, v1alpha1.ReasonNameTaken, true,
			"Service files: it exists and belongs to somebody else: rename or delete that object", time.Minute,
		},
		"what a deleted owner left goes by itself": {
			fmt.Errorf("Service files: %w", conditions.ErrLeftover), 0, v1alpha1.ReasonLeftover, false,
			"the garbage collector", time.Second,
		},
		"node ports that ran out are told from other errors of the API server": {
			fmt.Errorf("applying Service files: %w", apierrors.NewInternalError(errors.New("failed to allocate a nodePort: range is full"))),
			0, v1alpha1.ReasonNodePortsExhausted, true, "narrow passive.ports", 30 * time.Second,
		},
		"the node port of a balancer's health check can be the one that is missing": {
			fmt.Errorf("applying Service files: %w", apierrors.NewInternalError(errors.New("failed to allocate a HealthCheck NodePort 0: range is full"))),
			0, v1alpha1.ReasonNodePortsExhausted, true, "takes one for its health checks", 30 * time.Second,
		},
		"another error of the API server is tried again": {
			fmt.Errorf("applying Service files: %w", apierrors.NewInternalError(errors.New("etcdserver: request timed out"))),
			0, v1alpha1.ReasonRetrying, false, "The operator tries again: applying Service files: Internal error occurred: etcdserver: request timed out.", 250 * time.Millisecond,
		},
		"what the API server finds invalid stays so": {
			apierrors.NewInvalid(schema.GroupKind{Kind: "Service"}, "files", nil), 0, v1alpha1.ReasonApplyRefused, true, "The cluster refuses", time.Minute,
		},
		"a quota stays until somebody raises it": {
			apierrors.NewForbidden(services, "files", errors.New("exceeded quota")), 0, v1alpha1.ReasonApplyRefused, true, "exceeded quota", time.Minute,
		},
		"a conflict is over before anybody could read of it": {conflict, 0, "", false, "", 100 * time.Millisecond},
		"a conflict that does not end is said":               {conflict, 5, v1alpha1.ReasonRetrying, false, "changed", 8 * time.Second},
		"an error that nobody foresaw is tried again":        {errors.New("odd"), 0, v1alpha1.ReasonRetrying, false, "odd", 250 * time.Millisecond},
		"each time it takes longer":                          {errors.New("odd"), 3, v1alpha1.ReasonRetrying, false, "odd", 2 * time.Second},
		"but never longer than a minute":                     {errors.New("odd"), 1 << 40, v1alpha1.ReasonRetrying, false, "odd", time.Minute},
		"a long error is cut": {
			errors.New(strings.Repeat("é", 4000)), 0, v1alpha1.ReasonRetrying, false, "é….", 250 * time.Millisecond,
		},
		"a long error of the API server is cut": {
			&apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonForbidden, Message: strings.Repeat("x", 100_000)}},
			0, v1alpha1.ReasonApplyRefused, true, "x….", time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := conditions.Of(tc.err, tc.before)
			if len(all) != 1 {
				t.Fatalf("one error has %d verdicts", len(all))
			}
			v := all[0]
			if v.Retry != tc.retry {
				t.Errorf("it is tried again after %s, want %s", v.Retry, tc.retry)
			}
			if tc.reason == "" {
				if v.Problem != nil {
					t.Errorf("it says %+v, want nothing", v.Problem)
				}
				return
			}
			if v.Problem == nil || v.Problem.Reason != tc.reason || v.Problem.Stalled != tc.stalled || !strings.Contains(v.Problem.Message, tc.says) {
				t.Errorf("it says %+v; want %s, stalled: %t, and %q", v.Problem, tc.reason, tc.stalled, tc.says)
			}
			if n := len(v.Problem.Message); n > 2048 || !utf8.ValidString(v.Problem.Message) {
				t.Errorf("the message has %d bytes", n)
			}
		})
	}
}

func TestErrorsThatAreJoinedAreSaidOneByOne(t *testing.T) {
	t.Parallel()
	all := conditions.Of(errors.Join(errors.New("one"), nil, errors.Join(errors.New("two"), conditions.Waiting("Three", "three"))), 0)
	var messages []string
	for _, v := range all {
		messages = append(messages, v.Problem.Message)
	}
	if got := strings.Join(messages, "|"); got != "The operator tries again: one.|The operator tries again: two.|three" {
		t.Errorf("they say %s", got)
	}
}
