package conditions_test

import (
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
