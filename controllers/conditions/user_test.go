package conditions_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
)

func TestAUserWhoseHomeCannotBeUsedIsNotReady(t *testing.T) {
	u := conditions.User{Known: true, Pods: []conditions.Pod{{Name: "a", Has: true}, {Name: "b", Has: true, Denied: "The folder is somebody else's."}}}
	var got []metav1.Condition
	u.Write(&got)
	for _, c := range got {
		want := metav1.ConditionFalse
		if c.Type == v1alpha1.ConditionStalled {
			want = metav1.ConditionTrue
		}
		if c.Status != want || c.Type == v1alpha1.ConditionReady && c.Reason != v1alpha1.ReasonVolumeDenied {
			t.Errorf("%s is %s, %s", c.Type, c.Status, c.Reason)
		}
	}
	if len(got) != 3 {
		t.Errorf("there are %d conditions", len(got))
	}
}

func TestWhatIsSaidOfAUser(t *testing.T) {
	t.Parallel()
	missing := conditions.Waiting(v1alpha1.ReasonSecretNotFound, "The Secret is not there.")
	badKey := conditions.Stalled(v1alpha1.ReasonKeyInvalid, "Key 2 is none.")
	has, lacks := conditions.Pod{Name: "files-0", Has: true}, conditions.Pod{Name: "files-1"}
	for name, tc := range map[string]struct {
		found     func(*conditions.User)
		want      map[string]string
		in        string
		sentences []string
	}{
		"one whom every pod has loaded can log in": {
			func(*conditions.User) {},
			map[string]string{isReady: "True Loaded", reconciling: "False Ready", stalled: "False Ready"},
			isReady, []string{"The user can log in."},
		},
		"one who is suspended cannot, as wanted": {
			func(u *conditions.User) { u.Suspended = true },
			map[string]string{isReady: "False Suspended", reconciling: "False Ready", stalled: "False Ready"},
			isReady, []string{"as spec.state wants"},
		},
		"one who has expired cannot, as wanted": {
			func(u *conditions.User) { u.Expired = true },
			map[string]string{isReady: "False Expired", reconciling: "False Ready", stalled: "False Ready"},
			isReady, nil,
		},
		"a suspension is said once it is in force, and not before": {
			func(u *conditions.User) { u.Suspended, u.Pods = true, []conditions.Pod{has, lacks} },
			map[string]string{isReady: "False Loading", reconciling: "True Loading"},
			isReady, []string{`The pod "files-1" has not loaded the user yet.`},
		},
		"one whose password was never read cannot log in": {
			func(u *conditions.User) { u.Known, u.Problems = false, []*conditions.Problem{missing} },
			map[string]string{isReady: "False SecretNotFound", reconciling: "True SecretNotFound", stalled: "False Ready"},
			isReady, []string{"The Secret is not there."},
		},
		"one whose password was read before logs in with that, and is not as described": {
			func(u *conditions.User) { u.Problems = []*conditions.Problem{missing} },
			map[string]string{isReady: "False SecretNotFound", reconciling: "True SecretNotFound"},
			isReady, []string{"The Secret is not there. Until then what could be read, and what was read last, stays in force."},
		},
		"of several things that are wrong, each is said": {
			func(u *conditions.User) { u.Problems = []*conditions.Problem{missing, badKey} },
			map[string]string{isReady: "False SecretNotFound", stalled: "True KeyInvalid"},
			stalled, []string{"Key 2 is none. The Secret is not there."},
		},
		"one who is suspended and whose Secret is gone is suspended, and the Secret is said": {
			func(u *conditions.User) { u.Suspended, u.Problems = true, []*conditions.Problem{missing} },
			map[string]string{isReady: "False Suspended", reconciling: "True SecretNotFound"},
			isReady, nil,
		},
		"one without a protocol that is served cannot log in": {
			func(u *conditions.User) {
				u.Wanted, u.Served = []v1alpha1.ProtocolName{v1alpha1.ProtocolFTP}, []v1alpha1.ProtocolName{v1alpha1.ProtocolSFTP}
			},
			map[string]string{isReady: "False ProtocolNotServed", stalled: "True ProtocolNotServed"},
			isReady, []string{"add one of [sftp] to spec.protocols"},
		},
		"one of a server without pods waits": {
			func(u *conditions.User) { u.Pods = nil },
			map[string]string{isReady: "False ServerNotReady", reconciling: "True ServerNotReady"},
			isReady, nil,
		},
		"a pod that does not answer is named, and what it says is cut": {
			func(u *conditions.User) {
				u.Pods = []conditions.Pod{{Name: "files-0", Silent: strings.Repeat("é", 5000)}}
			},
			map[string]string{isReady: "False Loading"},
			isReady, []string{`The pod "files-0" does not say what it has loaded: éé`, "…"},
		},
		"a pod that does not answer for long is no matter of waiting": {
			func(u *conditions.User) {
				u.Pods = []conditions.Pod{{Name: "files-0", Silent: "i/o timeout", Unreachable: true}}
			},
			map[string]string{isReady: "False PodsUnreachable", reconciling: "False PodsUnreachable", stalled: "True PodsUnreachable"},
			isReady, []string{`The pod "files-0" does not say what it has loaded: i/o timeout. Look for NetworkPolicies`},
		},
		"a pod that refuses a file is named": {
			func(u *conditions.User) {
				u.Pods = []conditions.Pod{has, {Name: "files-1", Refuses: "users[0] is odd"}}
			},
			map[string]string{isReady: "False ConfigurationRefused", stalled: "True ConfigurationRefused"},
			isReady, []string{`The pod "files-1" refuses a file: users[0] is odd.`},
		},
		"a pod that refuses a file, but has this user, is no problem of the user's": {
			func(u *conditions.User) {
				u.Pods = []conditions.Pod{{Name: "files-1", Has: true, Refuses: "users[0] is odd"}}
			},
			map[string]string{isReady: "True Loaded"},
			isReady, nil,
		},
		"one whose account waits for its credentials cannot log in yet": {
			func(u *conditions.User) { u.Known = false },
			map[string]string{isReady: "False Loading", reconciling: "True Loading"},
			isReady, []string{"The account is being made."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := conditions.User{Server: "files", Generation: 3, Known: true, Pods: []conditions.Pod{has}}
			tc.found(&u)
			var got []metav1.Condition
			u.Write(&got)
			says(t, got, tc.want, tc.in, tc.sentences...)
			for _, c := range got {
				if len(c.Message) > 2048 {
					t.Errorf("%s has a message of %d bytes", c.Type, len(c.Message))
				}
			}
		})
	}
}
