package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// A pod that was told of a change may load it after the change was taken back, and
// has said before that it has what it then should have again.
func TestAChangeThatIsTakenBackIsPushedToThePodsAgain(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, fs *v1alpha1.FileServer, u *v1alpha1.FileServerUser, back bool){
		"of the configuration": func(t *testing.T, fs *v1alpha1.FileServer, _ *v1alpha1.FileServerUser, back bool) {
			update(t, fs, func() {
				fs.Spec.Sessions.Max = 7
				if back {
					fs.Spec.Sessions.Max = 0
				}
			})
		},
		"of a user": func(t *testing.T, _ *v1alpha1.FileServer, u *v1alpha1.FileServerUser, back bool) {
			update(t, u, func() {
				u.Spec.State = v1alpha1.UserActive
				if back {
					u.Spec.State = v1alpha1.UserSuspended
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, fs := serving(t)
			u := user(c.ns, "carol", "files")
			u.Spec.State = v1alpha1.UserSuspended
			create(t, u)
			notReady(t, u, v1alpha1.ReasonSuspended)
			ready(t, fs, v1alpha1.ReasonReady)
			var list corev1.PodList
			if err := api.List(t.Context(), &list, client.InNamespace(c.ns)); err != nil {
				t.Fatal(err)
			}
			pod := &list.Items[0]
			// told waits until the pod is told of other files than those, and returns
			// which. The users' file is told of at first by a name of its own.
			told := func(than string, once bool) string {
				var of string
				eventually(t, func() error {
					if err := api.Get(t.Context(), client.ObjectKeyFromObject(pod), pod); err != nil {
						return err
					}
					var again bool
					of, _, again = strings.Cut(pod.Annotations[v1alpha1.AnnotationRefresh], ".")
					if of == than || !again && !once {
						return fmt.Errorf("the pod is told of %q", of)
					}
					return nil
				})
				return of
			}
			old, err := c.newest(pod)
			if err != nil {
				t.Fatal(err)
			}
			before, _, _ := strings.Cut(pod.Annotations[v1alpha1.AnnotationRefresh], ".")
			pods.answer(pod, func() (config.Loaded, error) { return old, nil })
			change(t, fs, u, false)
			changed := told(before, false)
			change(t, fs, u, true)
			told(changed, true)

			stray := old
			stray.Config, stray.Users = "of the change", map[string]string{config.UsersFile: "of the change"}
			pods.answer(pod, func() (config.Loaded, error) { return stray, nil })
			reconciling(t, fs, v1alpha1.ReasonProgressing, "does not have the newest configuration in force")
			pods.answer(pod, func() (config.Loaded, error) { return c.newest(pod) })
			expect(t, fs, v1alpha1.ConditionReconciling, metav1.ConditionFalse, v1alpha1.ReasonReady)
		})
	}
}
