package conditions_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
)

// says checks conditions, each as "True Reason" or "False Reason", and what the
// message of one has in it.
func says(t *testing.T, got []metav1.Condition, want map[string]string, in string, sentences ...string) {
	t.Helper()
	for kind, w := range want {
		c := meta.FindStatusCondition(got, kind)
		switch {
		case w == "" && c != nil:
			t.Errorf("%s is %s %s (%s), want none", kind, c.Status, c.Reason, c.Message)
		case w != "" && c == nil:
			t.Errorf("there is no condition %s, want %s", kind, w)
		case w != "" && string(c.Status)+" "+c.Reason != w:
			t.Errorf("%s is %s %s (%s), want %s", kind, c.Status, c.Reason, c.Message, w)
		}
	}
	for _, s := range sentences {
		if c := meta.FindStatusCondition(got, in); c == nil || !strings.Contains(c.Message, s) {
			t.Errorf("%s says %+v\nwant in it: %s", in, c, s)
		}
	}
}

const (
	isReady     = v1alpha1.ConditionReady
	reconciling = v1alpha1.ConditionReconciling
	stalled     = v1alpha1.ConditionStalled
)

func TestWhatIsSaidOfAServer(t *testing.T) {
	t.Parallel()
	serving := conditions.Server{Name: "files", Generation: 3, Replicas: 1, Pods: 1, Address: "192.0.2.1", Ports: "sftp:22", Expose: v1alpha1.ExposeLoadBalancer}
	taken := conditions.Stalled(v1alpha1.ReasonNameTaken, "Somebody has the name.")
	retrying := conditions.Waiting(v1alpha1.ReasonRetrying, "The operator tries again.")
	for name, tc := range map[string]struct {
		found     func(*conditions.Server)
		want      map[string]string
		in        string
		sentences []string
	}{
		"one that serves is ready, and nothing else is said": {
			func(*conditions.Server) {},
			map[string]string{isReady: "True Ready", reconciling: "False Ready", stalled: "False Ready"},
			isReady, []string{"Clients can connect to 192.0.2.1 (sftp:22)."},
		},
		"one without pods, as wanted, is no failure": {
			func(s *conditions.Server) { s.Replicas, s.Pods = 0, 0 },
			map[string]string{isReady: "True ScaledToZero", reconciling: "False Ready", stalled: "False Ready"},
			isReady, nil,
		},
		"one whose first pod starts is under way": {
			func(s *conditions.Server) { s.Pods, s.Progress = 0, "0 of 1 pods are ready." },
			map[string]string{isReady: "False Progressing", reconciling: "True Progressing", stalled: "False Ready"},
			reconciling, []string{"0 of 1 pods are ready."},
		},
		"one without an address waits for the balancer": {
			func(s *conditions.Server) { s.Address = "" },
			map[string]string{isReady: "False AddressPending", reconciling: "True AddressPending", stalled: "False Ready"},
			isReady, []string{"set expose.type to NodePort"},
		},
		"one that serves goes on to be ready whatever fails, and what fails is said": {
			func(s *conditions.Server) { s.Problems = []*conditions.Problem{retrying} },
			map[string]string{isReady: "True Ready", reconciling: "True Retrying", stalled: "False Ready"},
			reconciling, []string{"The operator tries again."},
		},
		"what needs somebody's hand comes before what may pass, and both are said": {
			func(s *conditions.Server) { s.Problems = []*conditions.Problem{retrying, taken} },
			map[string]string{isReady: "True Ready", reconciling: "False NameTaken", stalled: "True NameTaken"},
			stalled, []string{"Somebody has the name. The operator tries again."},
		},
		"one problem that several pods have is said once": {
			func(s *conditions.Server) { s.Problems = []*conditions.Problem{taken, taken} },
			map[string]string{stalled: "True NameTaken"},
			stalled, []string{"Somebody has the name."},
		},
		"without a pod, the first problem is why clients cannot connect": {
			func(s *conditions.Server) { s.Pods, s.Problems = 0, []*conditions.Problem{retrying, taken} },
			map[string]string{isReady: "False Retrying", stalled: "True NameTaken"},
			isReady, nil,
		},
		"where pods cannot be seen, Ready stays as it was": {
			func(s *conditions.Server) { s.Pods, s.Problems = -1, []*conditions.Problem{retrying} },
			map[string]string{isReady: "True Before", reconciling: "True Retrying"},
			isReady, []string{"as before"},
		},
		"lists that are cut say so": {
			func(s *conditions.Server) {
				s.Cut = []string{"There are 66 status.endpoints, of which the status lists 64."}
			},
			map[string]string{isReady: "True Ready"},
			isReady, []string{"(sftp:22). There are 66 status.endpoints, of which the status lists 64."},
		},
		"active mode from the same address suits everybody": {
			func(s *conditions.Server) { s.Active = &conditions.ActiveMode{Served: true} },
			map[string]string{v1alpha1.ConditionActiveMode: "True SameAddress"},
			isReady, nil,
		},
		"active mode where addresses are hidden is refused": {
			func(s *conditions.Server) {
				s.Active = &conditions.ActiveMode{Served: true, Hidden: true, Refused: true, From: "the node"}
			},
			map[string]string{v1alpha1.ConditionActiveMode: "False AddressesHidden"},
			v1alpha1.ConditionActiveMode, []string{"so they are refused"},
		},
		"active mode that is allowed in spite of that is warned of": {
			func(s *conditions.Server) {
				s.Active = &conditions.ActiveMode{Served: true, Hidden: true, From: "the node"}
			},
			map[string]string{v1alpha1.ConditionActiveMode: "False AddressesHidden"},
			v1alpha1.ConditionActiveMode, []string{"Leave activeMode out"},
		},
		"active mode that is refused is said": {
			func(s *conditions.Server) { s.Active = &conditions.ActiveMode{Served: true, Refused: true} },
			map[string]string{v1alpha1.ConditionActiveMode: "False ActiveModeRefused"},
			isReady, nil,
		},
		"active mode from another address is said": {
			func(s *conditions.Server) { s.Active = &conditions.ActiveMode{Served: true, From: "the pod's node"} },
			map[string]string{v1alpha1.ConditionActiveMode: "False OtherAddress"},
			v1alpha1.ConditionActiveMode, []string{"come from the pod's node"},
		},
		"of active mode nothing is said without FTP": {
			func(s *conditions.Server) { s.Active = &conditions.ActiveMode{} },
			map[string]string{v1alpha1.ConditionActiveMode: ""},
			isReady, nil,
		},
		"what is not known of active mode stays as it was": {
			func(*conditions.Server) {},
			map[string]string{v1alpha1.ConditionActiveMode: "True Before"},
			isReady, nil,
		},
		"a thousand passive ports are no reason to warn": {
			func(s *conditions.Server) { s.Wide = 1000 },
			map[string]string{v1alpha1.ConditionWideRange: ""},
			isReady, nil,
		},
		"more are": {
			func(s *conditions.Server) { s.Wide = 1001 },
			map[string]string{v1alpha1.ConditionWideRange: "True ServiceLinks"},
			v1alpha1.ConditionWideRange, []string{"each of the 1001 passive ports"},
		},
		"no events": {
			func(s *conditions.Server) { s.Events = nil },
			map[string]string{v1alpha1.ConditionEventsDelivered: ""},
			isReady, nil,
		},
		"a sink that takes events": {
			func(s *conditions.Server) { s.Events = &conditions.Delivery{Undelivered: 3} },
			map[string]string{v1alpha1.ConditionEventsDelivered: "True Delivered"},
			v1alpha1.ConditionEventsDelivered, []string{"The sink takes the events."},
		},
		"a sink that takes none": {
			func(s *conditions.Server) {
				s.Events = &conditions.Delivery{Undelivered: 3, Dead: 1, Failing: "it answers 503"}
			},
			map[string]string{v1alpha1.ConditionEventsDelivered: "False SinkFailing"},
			v1alpha1.ConditionEventsDelivered, []string{"it answers 503. 3 are kept"},
		},
		"a sink that has taken none for long": {
			func(s *conditions.Server) {
				s.Events = &conditions.Delivery{Undelivered: 100000, Failing: "it answers 503", Full: true}
			},
			map[string]string{v1alpha1.ConditionEventsDelivered: "False OutboxFull"},
			v1alpha1.ConditionEventsDelivered, []string{"Uploads are refused", "it answers 503"},
		},
		"dead letters": {
			func(s *conditions.Server) { s.Events = &conditions.Delivery{Dead: 2} },
			map[string]string{v1alpha1.ConditionEventsDelivered: "False DeadLetters"},
			v1alpha1.ConditionEventsDelivered, []string{"refused 2 events for good"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serving
			tc.found(&s)
			got := []metav1.Condition{
				{Type: isReady, Status: metav1.ConditionTrue, Reason: "Before", Message: "as before"},
				{Type: v1alpha1.ConditionActiveMode, Status: metav1.ConditionTrue, Reason: "Before", Message: "as before"},
			}
			s.Write(&got)
			says(t, got, tc.want, tc.in, tc.sentences...)
			for _, c := range got {
				if c.Reason != "Before" && c.ObservedGeneration != 3 {
					t.Errorf("%s is about generation %d, want 3", c.Type, c.ObservedGeneration)
				}
			}
			if n := strings.Count(meta.FindStatusCondition(got, stalled).Message, "Somebody has the name."); n > 1 {
				t.Errorf("one sentence is said %d times", n)
			}
		})
	}
}
