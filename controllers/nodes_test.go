package controllers_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers"
)

// versions are those of all Secrets but the users' file, which tests change to see
// what the operator has seen.
func (c cluster) versions() (map[string]string, error) {
	var list corev1.SecretList
	if err := api.List(c.t.Context(), &list, client.InNamespace(c.ns)); err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for _, s := range list.Items {
		if user := s.Labels[v1alpha1.LabelUser]; s.Name != "files-users" && (user == "" || user == "alice") {
			versions[s.Name] = s.ResourceVersion
		}
	}
	return versions, nil
}

// unchanged makes sure that no Secret has changed when the operator has seen all.
func (c cluster) unchanged(before map[string]string, what string) {
	c.t.Helper()
	c.settle()
	after, err := c.versions()
	if err != nil {
		c.t.Fatal(err)
	}
	if !maps.Equal(before, after) {
		c.t.Errorf("%s: the Secrets had the versions %v and have %v", what, before, after)
	}
}

func TestARestartOfTheOnlyPodRewritesNoCredentialAndNoCertificate(t *testing.T) {
	t.Parallel()
	for _, as := range []v1alpha1.ExposeType{v1alpha1.ExposeNodePort, v1alpha1.ExposeHostNetwork} {
		t.Run(string(as), func(t *testing.T) {
			t.Parallel()
			c := cluster{t, bareNamespace(t)}
			_, stop := operatorFor(t, c.ns)
			newNode(t, "steady", "198.18.0.85")
			newNode(t, "elsewhere", "198.18.0.86")
			fs := fileServer(c.ns, "files")
			fs.Spec.Expose.Type = as
			alice := user(c.ns, "alice", "files")
			create(t, fs, alice)
			pod := c.start("files-0", "steady")
			ready(t, fs, v1alpha1.ReasonReady)
			ready(t, alice, v1alpha1.ReasonLoaded)
			c.hostIs("198.18.0.85")
			before, err := c.versions()
			if err != nil {
				t.Fatal(err)
			}

			c.status(pod, func(s *corev1.PodStatus) { s.Conditions[0].Status = corev1.ConditionFalse })
			notReady(t, fs, v1alpha1.ReasonProgressing)
			c.unchanged(before, "the container ends")
			stop()
			_, stop = operatorFor(t, c.ns)
			defer stop()
			c.unchanged(before, "the operator restarts meanwhile")
			c.serve(pod)
			ready(t, fs, v1alpha1.ReasonReady, "198.18.0.85")
			c.unchanged(before, "the container is back")

			c.gone(pod)
			notReady(t, fs, v1alpha1.ReasonProgressing)
			c.unchanged(before, "the pod is gone")
			c.serve(c.pod("files-0", "steady"))
			ready(t, fs, v1alpha1.ReasonReady, "198.18.0.85")
			c.unchanged(before, "another pod serves there")
		})
	}
}

func TestAPodThatMovesBehindNodePortsRewritesNothingWhileItsNodeStays(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	newNode(t, "stays", "198.18.0.87")
	newNode(t, "takes", "198.18.0.88")
	fs := fileServer(c.ns, "files")
	fs.Spec.Expose.Type = v1alpha1.ExposeNodePort
	alice := user(c.ns, "alice", "files")
	create(t, fs, alice)
	pod := c.start("files-0", "stays")
	ready(t, fs, v1alpha1.ReasonReady)
	ready(t, alice, v1alpha1.ReasonLoaded)
	c.hostIs("198.18.0.87")
	before, err := c.versions()
	if err != nil {
		t.Fatal(err)
	}
	c.gone(pod)
	c.serve(c.pod("files-0", "takes"))
	ready(t, fs, v1alpha1.ReasonReady, "198.18.0.87")
	c.unchanged(before, "the pod is on another node")

	cordon(t, "stays") // it goes, and clients are told the other one
	c.hostIs("198.18.0.88")
	ready(t, fs, v1alpha1.ReasonReady, "198.18.0.88")
}

// hostIs waits until alice's credentials have a host.
func (c cluster) hostIs(want string) {
	c.t.Helper()
	eventually(c.t, func() error {
		s := &corev1.Secret{}
		if err := api.Get(c.t.Context(), client.ObjectKey{Namespace: c.ns, Name: "alice-credentials"}, s); err != nil {
			return err
		}
		if got := string(s.Data["host"]); got != want {
			return fmt.Errorf("the credentials name the host %q, want %q", got, want)
		}
		return nil
	})
}

func TestWithoutRightsToSeeNodesTheirAddressesAreThoseOfThePods(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t, func(o *controllers.Options) { o.WithoutNodes = true })}
	fs := fileServer(c.ns, "files")
	fs.Spec.Expose.Type = v1alpha1.ExposeHostNetwork
	alice := user(c.ns, "alice", "files")
	create(t, fs, alice)
	pod := c.pod("files-0", "unseen")
	c.status(pod, func(s *corev1.PodStatus) {
		s.HostIP = "198.18.0.89"
		s.HostIPs = []corev1.HostIP{{IP: s.HostIP}}
	})
	c.bind("files-data")
	c.serve(pod)
	ready(t, fs, v1alpha1.ReasonReady, "198.18.0.89")
	c.hostIs("198.18.0.89")
	eventually(t, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(fs), fs); err != nil {
			return err
		}
		if !slices.ContainsFunc(fs.Status.Endpoints, func(e v1alpha1.Endpoint) bool { return e.Address == "198.18.0.89" }) {
			return errors.New("no endpoint has the node's address")
		}
		return nil
	})
}
