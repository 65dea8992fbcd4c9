package controllers_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// running is a server whose pods run on a node, one for each replica.
func running(t *testing.T, replicas int32, change ...func(*v1alpha1.FileServerSpec)) (cluster, *v1alpha1.FileServer, []*corev1.Pod) {
	t.Helper()
	c := cluster{t, namespace(t)}
	fs := fileServer(c.ns, "files")
	fs.Spec.Replicas = &replicas
	for _, f := range change {
		f(&fs.Spec)
	}
	create(t, fs)
	newNode(t, "slots", "198.18.0.80")
	var list []*corev1.Pod
	for n := range replicas {
		list = append(list, c.start(fmt.Sprintf("files-%d", n), "slots"))
	}
	if get(t, c.ns, "files", &corev1.Service{}).Spec.Type == corev1.ServiceTypeLoadBalancer {
		c.address("files", "198.51.100.50")
	}
	ready(t, fs, v1alpha1.ReasonReady)
	return c, fs, list
}

func manyNodes(spec *v1alpha1.FileServerSpec) {
	spec.Storage.Claim = &v1alpha1.Claim{AccessModes: []v1alpha1.AccessMode{v1alpha1.AccessManyNodes}}
}

func image(name string) func(*v1alpha1.FileServer) {
	return func(fs *v1alpha1.FileServer) { fs.Spec.Image = name }
}

func (c cluster) change(fs *v1alpha1.FileServer, change func(*v1alpha1.FileServer)) {
	c.t.Helper()
	update(c.t, fs, func() { change(fs) })
}

func TestANewTemplateRunsBeforeTheOldOneEnds(t *testing.T) {
	t.Parallel()
	c, fs, pods := running(t, 1)
	c.change(fs, image("registry.example/fileserver:2"))
	c.have("files-0", "files-1")
	fresh := c.pod("files-1", "slots")
	c.stay("files-0", "files-1") // it does not serve yet
	ready(t, fs, v1alpha1.ReasonReady)
	reconciling(t, fs, v1alpha1.ReasonProgressing, "0 of 1 pods are ready")

	c.serve(fresh)
	c.have("files-1")
	c.end(pods[0])

	// While the old pod drains, its slot is not free.
	c.change(fs, image("registry.example/fileserver:3"))
	c.have("files-1", "files-2")
	c.gone(pods[0])
	c.start("files-2", "slots")
	c.have("files-2")
	c.end(fresh)
	c.gone(fresh)
	expect(t, fs, v1alpha1.ConditionReconciling, "False", v1alpha1.ReasonReady)
	eventually(t, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(fs), fs); err != nil {
			return err
		}
		if pods, ready := ptr.Deref(fs.Status.Replicas, -1), ptr.Deref(fs.Status.ReadyReplicas, -1); pods != 1 || ready != 1 {
			return fmt.Errorf("the status counts %d pods, of which %d serve", pods, ready)
		}
		return nil
	})
}

func TestATemplateThatCrashesTakesDownNothing(t *testing.T) {
	t.Parallel()
	c, fs, _ := running(t, 2)
	c.change(fs, image("registry.example/broken:1"))
	c.have("files-0", "files-1", "files-2")
	bad := c.pod("files-2", "slots")
	c.status(bad, func(s *corev1.PodStatus) {
		s.Phase = corev1.PodRunning
		s.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "fileserver", RestartCount: 5,
			State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 2, Message: "no such flag"}},
		}}
	})
	isStalled(t, fs, v1alpha1.ReasonCrashLooping, "ended 5 times: exit code 2, no such flag")
	ready(t, fs, v1alpha1.ReasonReady)
	c.stay("files-0", "files-1", "files-2")

	c.change(fs, image(""))
	c.have("files-0", "files-1")
	expect(t, fs, v1alpha1.ConditionStalled, "True", v1alpha1.ReasonCrashLooping) // its pod is still there
	c.end(bad)
	c.gone(bad)
	expect(t, fs, v1alpha1.ConditionStalled, "False", v1alpha1.ReasonReady)
}

func TestADeletedPodIsReplacedInAnotherSlotWhileItDrains(t *testing.T) {
	t.Parallel()
	c, fs, pods := running(t, 1)
	// The operator may remove the Deployment before it has made its new pod,
	// or after.
	d := c.deployment("files-0")
	c.end(pods[0])
	replacement := c.podOf(d, "slots")
	c.have("files-1")
	c.end(replacement)
	c.gone(replacement)
	c.start("files-1", "slots")
	c.gone(pods[0])
	c.stay("files-1")
	ready(t, fs, v1alpha1.ReasonReady)
}

func TestScalingDownDrainsTheHighestSlots(t *testing.T) {
	t.Parallel()
	c, fs, pods := running(t, 4)
	c.change(fs, func(fs *v1alpha1.FileServer) { *fs.Spec.Replicas = 1 })
	c.have("files-0")
	for _, p := range pods[1:] {
		c.end(p)
	}
	c.change(fs, func(fs *v1alpha1.FileServer) { *fs.Spec.Replicas = 2 })
	c.stay("files-0") // no slot is free yet
	reconciling(t, fs, v1alpha1.ReasonProgressing, "A pod waits until an old one has finished what it serves")
	c.gone(pods[2])
	c.have("files-0", "files-2")
}

func TestScalingToZeroIsNoFailure(t *testing.T) {
	t.Parallel()
	c, fs, _ := running(t, 1)
	c.change(fs, func(fs *v1alpha1.FileServer) { *fs.Spec.Replicas = 0 })
	c.have()
	ready(t, fs, v1alpha1.ReasonScaledToZero, "clients cannot connect")
	expect(t, fs, v1alpha1.ConditionReconciling, "False", v1alpha1.ReasonReady)
}

func TestOtherPortsKeepTheOldOnesAsLongAsAPodServesThem(t *testing.T) {
	t.Parallel()
	c, fs, pods := running(t, 1)
	c.change(fs, func(fs *v1alpha1.FileServer) {
		fs.Spec.Protocols = &v1alpha1.Protocols{FTP: &v1alpha1.FTP{Port: 2121, DataPort: 2120}}
		fs.Spec.Passive.Ports = &v1alpha1.PortRange{First: 50005, Last: 50044}
	})
	// Slot 0 is in use, and slots 0 and 1 of the new range share ports with it.
	c.have("files-0", "files-1")
	lists := func(want bool, ports ...int32) {
		t.Helper()
		eventually(t, func() error {
			svc := get(t, c.ns, "files", &corev1.Service{})
			for _, p := range ports {
				if has := slices.ContainsFunc(svc.Spec.Ports, func(s corev1.ServicePort) bool { return s.Port == p }); has != want {
					return fmt.Errorf("the Service lists %d: %v", p, has)
				}
			}
			return nil
		})
	}
	lists(true, 2121, 50000, 50044)
	lists(false, 21)
	lists(true, 989, 990, 22) // of protocols that the old pod serves: see resources.Server.Service
	cm := get(t, c.ns, "files-config", &corev1.ConfigMap{})
	if len(cm.Data) != 2 {
		t.Errorf("the ConfigMap has %d configurations, want one for each pod", len(cm.Data))
	}
	old, err := config.Parse([]byte(cm.Data[pods[0].Spec.Volumes[0].ConfigMap.Items[0].Key]))
	if err != nil || old.Protocols.FTP.Port != 21 {
		t.Errorf("the old pod is told to listen on %+v (%v)", old, err)
	}

	c.start("files-1", "slots")
	c.have("files-1")
	c.end(pods[0])
	c.settle()
	lists(true, 50000, 989, 990, 22)
	c.gone(pods[0])
	lists(false, 50000, 989, 990, 22)
	eventually(t, func() error {
		_, err := configFile(t, c.ns, "files")
		return err
	})
}

func TestACordonedNodeIsLeftAndThePodsAreHeldUntilThen(t *testing.T) {
	t.Parallel()
	c, fs, _ := running(t, 1, manyNodes)
	budget := get(t, c.ns, "files", &policyv1.PodDisruptionBudget{})
	if u := budget.Spec.MaxUnavailable; u == nil || u.IntValue() != 0 {
		t.Errorf("the budget lets %v pods be evicted", u)
	}
	newNode(t, "cordoned", "198.18.0.81")
	c.change(fs, image("registry.example/fileserver:2"))
	moved := c.start("files-1", "cordoned")
	c.have("files-1")
	cordon(t, "cordoned")
	c.have("files-1", "files-2")
	c.stay("files-1", "files-2")
	c.start("files-2", "slots")
	c.have("files-2")
	c.end(moved)
	c.gone(moved)
	ready(t, fs, v1alpha1.ReasonReady)
}

func TestANodeThatSomebodyDrainsIsLeftWithoutACordon(t *testing.T) {
	t.Parallel()
	for by, key := range map[string]string{
		"karpenter":          "karpenter.sh/disrupted",
		"older-karpenter":    "karpenter.sh/disruption",
		"cluster-autoscaler": "ToBeDeletedByClusterAutoscaler",
	} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			c, fs, _ := running(t, 1, manyNodes)
			newNode(t, by, "198.18.0.83")
			c.change(fs, image("registry.example/fileserver:2"))
			moved := c.start("files-1", by)
			c.have("files-1")
			taint(t, by, key)
			c.have("files-1", "files-2")
			c.stay("files-1", "files-2") // its replacement does not serve yet
			c.start("files-2", "slots")
			c.have("files-2")
			c.end(moved)
			c.gone(moved)
			ready(t, fs, v1alpha1.ReasonReady)
		})
	}
}

func TestTheBudgetIsAsTheSpecHasIt(t *testing.T) {
	t.Parallel()
	c, fs, _ := running(t, 3, manyNodes)
	budget := func(want string) {
		t.Helper()
		eventually(t, func() error {
			b := &policyv1.PodDisruptionBudget{}
			got := "none"
			switch err := api.Get(t.Context(), keyOf(fs), b); {
			case err == nil && b.Spec.MinAvailable != nil:
				got = "at least " + b.Spec.MinAvailable.String()
			case err == nil:
				got = "at most " + b.Spec.MaxUnavailable.String() + " missing"
			case client.IgnoreNotFound(err) != nil:
				return err
			}
			if got != want {
				return fmt.Errorf("the budget is: %s, want %s", got, want)
			}
			return nil
		})
	}
	budget("at most 0 missing")
	some := intstr.FromString("50%")
	c.change(fs, func(fs *v1alpha1.FileServer) { fs.Spec.Disruption.MaxUnavailable = &some })
	budget("at least 1")

	// While pods move, each is held until its replacement serves.
	newNode(t, "budget", "198.18.0.84")
	c.change(fs, func(fs *v1alpha1.FileServer) { *fs.Spec.Replicas = 4 })
	moved := c.start("files-3", "budget")
	budget("at least 2")
	cordon(t, "budget")
	budget("at least 4")
	c.end(moved)
	budget("at least 2")
	c.gone(moved)

	c.change(fs, func(fs *v1alpha1.FileServer) { fs.Spec.Disruption.Budget = v1alpha1.BudgetNone })
	budget("none")
}

func TestAVolumeOfOneNodeIsNotLeftAndHoldsNoDrain(t *testing.T) {
	t.Parallel()
	c, _, _ := running(t, 1)
	err := api.Get(t.Context(), client.ObjectKey{Namespace: c.ns, Name: "files"}, &policyv1.PodDisruptionBudget{})
	if err == nil || client.IgnoreNotFound(err) != nil {
		t.Errorf("there is a budget, which would hold a drain for ever (%v)", err)
	}
}

func TestSFTPAloneIsOneDeployment(t *testing.T) {
	t.Parallel()
	c, fs, pods := running(t, 2)
	sftp := func(fs *v1alpha1.FileServer) {
		fs.Spec.Protocols = &v1alpha1.Protocols{SFTP: &v1alpha1.SFTP{Port: 22}}
	}
	c.change(fs, sftp)
	c.stay("files-0", "files-1", "files-shared")
	d := c.deployment("files-shared")
	if *d.Spec.Replicas != 2 || d.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue() != 0 {
		t.Errorf("the Deployment is %+v", d.Spec)
	}
	shared := []*corev1.Pod{c.start("files-shared", "slots"), c.start("files-shared", "slots")}
	eventually(t, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(d), d); err != nil {
			return err
		}
		d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: 2, UpdatedReplicas: 2, ReadyReplicas: 2, AvailableReplicas: 2}
		return api.Status().Update(t.Context(), d)
	})
	c.have("files-shared")
	for _, p := range pods {
		c.end(p)
		c.gone(p)
	}
	ready(t, fs, v1alpha1.ReasonReady)
	expect(t, fs, v1alpha1.ConditionReconciling, "False", v1alpha1.ReasonReady)

	c.change(fs, func(fs *v1alpha1.FileServer) { fs.Spec.Protocols = nil })
	c.have("files-0", "files-1", "files-shared")
	c.start("files-0", "slots")
	c.stay("files-0", "files-1", "files-shared")
	c.start("files-1", "slots")
	c.have("files-0", "files-1")
	_ = shared
}

func TestAPodWithoutASlotOnACordonedNodeGetsItsReplacementFirst(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	fs := fileServer(c.ns, "files")
	manyNodes(&fs.Spec)
	fs.Spec.Protocols = &v1alpha1.Protocols{SFTP: &v1alpha1.SFTP{Port: 22}}
	create(t, fs)
	newNode(t, "slots", "198.18.0.80")
	newNode(t, "cordoned-shared", "198.18.0.82")
	c.address("files", "198.51.100.52")
	replicas := func(want int32) {
		t.Helper()
		eventually(t, func() error {
			if got := *c.deployment("files-shared").Spec.Replicas; got != want {
				return fmt.Errorf("the Deployment has %d replicas, want %d", got, want)
			}
			return nil
		})
	}
	moving := c.start("files-shared", "cordoned-shared")
	ready(t, fs, v1alpha1.ReasonReady)
	replicas(1)
	if b := get(t, c.ns, "files", &policyv1.PodDisruptionBudget{}); b.Spec.MinAvailable.IntValue() != 1 {
		t.Errorf("the budget wants %v pods", b.Spec.MinAvailable)
	}
	cordon(t, "cordoned-shared")
	replicas(2)
	c.start("files-shared", "slots")
	c.end(moving) // it is evicted
	replicas(1)
	c.gone(moving)
}

func TestOnTheHostNetworkTheOldPodEndsFirst(t *testing.T) {
	t.Parallel()
	c, fs, pods := running(t, 1, func(s *v1alpha1.FileServerSpec) { s.Expose.Type = v1alpha1.ExposeHostNetwork })
	before := c.deployment("files-0").UID
	c.change(fs, image("registry.example/fileserver:2"))
	gone := func(uid types.UID) {
		t.Helper()
		eventually(t, func() error {
			var list appsv1.DeploymentList
			if err := api.List(t.Context(), &list, client.InNamespace(c.ns)); err != nil {
				return err
			}
			for _, d := range list.Items {
				if d.UID == uid {
					return errors.New("the old Deployment is still there")
				}
			}
			return nil
		})
	}
	gone(before)
	c.end(pods[0])
	c.stay()
	c.gone(pods[0])
	c.have("files-0")
	c.start("files-0", "slots")
	ready(t, fs, v1alpha1.ReasonReady)
}

func TestAnOperatorThatRestartsInTheMiddleGoesOn(t *testing.T) {
	t.Parallel()
	c := cluster{t, bareNamespace(t)}
	newNode(t, "slots", "198.18.0.80")
	_, stop := operatorFor(t, c.ns)
	fs := fileServer(c.ns, "files")
	create(t, fs)
	old := c.start("files-0", "slots")
	c.address("files", "198.51.100.51")
	ready(t, fs, v1alpha1.ReasonReady)
	c.change(fs, image("registry.example/fileserver:2"))
	c.have("files-0", "files-1")
	stop()

	c.start("files-1", "slots")
	_, stop = operatorFor(t, c.ns)
	c.have("files-1")
	stop()

	c.end(old)
	_, stop = operatorFor(t, c.ns)
	defer stop()
	c.change(fs, image("registry.example/fileserver:3"))
	c.have("files-1", "files-2")
}
