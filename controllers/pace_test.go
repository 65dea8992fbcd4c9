package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers"
)

func TestAfterAnUpgradeOfTheOperatorSoManyServersGetNewPodsAtATime(t *testing.T) {
	t.Parallel()
	c := cluster{t, bareNamespace(t)}
	names := []string{"one", "two", "three"}
	c.release(1, names...)()
	stop := c.release(2)
	defer func() { stop() }()
	upgraded := func(n int) (last string) {
		t.Helper()
		eventually(t, func() error {
			if list := c.runs(2); len(list) != n {
				return fmt.Errorf("of the new release are %v, want %d", list, n)
			}
			return nil
		})
		c.settle()
		list := c.runs(2)
		if len(list) != n {
			t.Fatalf("of the new release are %v, want still %d", list, n)
		}
		for _, d := range list {
			if get(t, c.ns, d, &appsv1.Deployment{}).Annotations["test"] == "" {
				last = d
			}
		}
		return last
	}
	for n := range names {
		d := upgraded(n + 1)
		waiting := 0
		for _, name := range names {
			fs := get(t, c.ns, name, &v1alpha1.FileServer{})
			for _, condition := range fs.Status.Conditions {
				if condition.Type == v1alpha1.ConditionReconciling && strings.Contains(condition.Message, "older release of the operator") {
					waiting++
				}
			}
		}
		if want := len(names) - n - 1; waiting != want {
			t.Errorf("%d FileServers say that they wait, want %d", waiting, want)
		}
		if n == 0 { // the operator restarts in the middle, and goes on
			stop()
			stop = c.release(2)
			upgraded(1)
		}
		changed := c.deployment(d)
		update(t, changed, func() { changed.Annotations["test"] = "done" })
		c.start(d, "slots")
	}
}

// release runs an operator of that release, which has one server get new pods at a
// time, and makes servers with it.
func (c cluster) release(n int, servers ...string) (stop func()) {
	c.t.Helper()
	stop, err := startOperator(operatorConfig, controllers.Options{
		Image: fmt.Sprintf("registry.example/fileserver:%d", n), Pods: pods, Namespaces: []string{c.ns}, RollingServers: 1,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	newNode(c.t, "slots", "198.18.0.80")
	for i, name := range servers {
		fs := fileServer(c.ns, name)
		create(c.t, fs)
		c.start(name+"-0", "slots")
		c.address(name, fmt.Sprintf("198.51.100.%d", 110+i))
		ready(c.t, fs, v1alpha1.ReasonReady)
		expect(c.t, fs, v1alpha1.ConditionReconciling, "False", v1alpha1.ReasonReady)
	}
	return stop
}

// runs are the Deployments of that release.
func (c cluster) runs(n int) (list []string) {
	c.t.Helper()
	var all appsv1.DeploymentList
	if err := api.List(c.t.Context(), &all, client.InNamespace(c.ns)); err != nil {
		c.t.Fatal(err)
	}
	for _, d := range all.Items {
		if strings.HasSuffix(d.Spec.Template.Spec.Containers[0].Image, fmt.Sprintf(":%d", n)) {
			list = append(list, d.Name)
		}
	}
	return list
}

func TestWhatSomebodyChangesWaitsForNoOtherServer(t *testing.T) {
	t.Parallel()
	c := cluster{t, bareNamespace(t)}
	c.release(1, "one", "two")()
	defer c.release(2)()
	var first []string
	eventually(t, func() error {
		if first = c.runs(2); len(first) != 1 {
			return fmt.Errorf("of the new release are %v, want one", first)
		}
		return nil
	})
	waits := "one"
	if strings.HasPrefix(first[0], waits) {
		waits = "two"
	}
	fs := fileServer(c.ns, waits)
	reconciling(t, fs, v1alpha1.ReasonProgressing, "older release of the operator")
	c.change(fs, image("registry.example/fileserver:mine"))
	c.deployment(waits + "-1")
}
