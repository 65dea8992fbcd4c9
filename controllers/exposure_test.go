package controllers_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func exposed(t *testing.T, as v1alpha1.ExposeType) (cluster, *v1alpha1.FileServer) {
	t.Helper()
	c := cluster{t, namespace(t)}
	newNode(t, "exposure", "198.18.0.77")
	fs := fileServer(c.ns, "files")
	fs.Spec.Expose.Type = as
	create(t, fs)
	c.start("files-0", "exposure")
	return c, fs
}

// passive waits until the configuration for passive mode is as it should be.
func passive(t *testing.T, ns string, check func(*config.Passive) error) {
	t.Helper()
	eventually(t, func() error {
		cfg, err := configFile(t, ns, "files")
		if err != nil {
			return err
		}
		return check(cfg.Passive)
	})
}

func tells(addresses ...string) func(*config.Passive) error {
	return func(p *config.Passive) error {
		if len(addresses) == 0 && len(p.Advertise) == 0 {
			return nil
		}
		if len(p.Advertise) != 1 || !slices.Equal(p.Advertise[0].Addresses, addresses) {
			return fmt.Errorf("clients are told %+v, want %v", p.Advertise, addresses)
		}
		return nil
	}
}

func tellsAtLast(address string) func(*config.Passive) error {
	return func(p *config.Passive) error {
		if n := len(p.Advertise); n == 0 || len(p.Advertise[n-1].Clients) > 0 || !slices.Equal(p.Advertise[n-1].Addresses, []string{address}) {
			return fmt.Errorf("clients are told %+v, want %s at last", p.Advertise, address)
		}
		return nil
	}
}

func TestNodePortsAreReadBackAndTold(t *testing.T) {
	t.Parallel()
	c, fs := exposed(t, v1alpha1.ExposeNodePort)
	ready(t, fs, v1alpha1.ReasonReady)
	svc := get(t, c.ns, "files", &corev1.Service{})
	nodePort := map[int32]int32{}
	for _, p := range svc.Spec.Ports {
		nodePort[p.Port] = p.NodePort
	}
	passive(t, c.ns, func(p *config.Passive) error {
		if len(p.AdvertisedPorts) != 40 || p.AdvertisedPorts[50017] != int(nodePort[50017]) {
			return fmt.Errorf("%d ports are told, and %d for 50017; want 40, and %d", len(p.AdvertisedPorts), p.AdvertisedPorts[50017], nodePort[50017])
		}
		// Who comes in by a node is told that one, and everybody else the pod's.
		if !slices.ContainsFunc(p.Advertise, func(r config.AdvertiseRule) bool {
			return len(r.Clients) == 1 && r.Clients[0].String() == "198.18.0.77/32" && slices.Equal(r.Addresses, []string{"198.18.0.77"})
		}) {
			return fmt.Errorf("clients are told %+v", p.Advertise)
		}
		return tellsAtLast(config.NodeAddress)(p)
	})
	expect(t, fs, v1alpha1.ConditionActiveMode, "False", v1alpha1.ReasonAddressesHidden, "clients must use passive mode")
	if e := fs.Status.Endpoints[2]; e.Address != "198.18.0.77" || e.Port != nodePort[22] {
		t.Errorf("SFTP is at %s", e.URL)
	}
	if fs.Status.Ports != fmt.Sprintf("ftp:%d,ftps:%d,sftp:%d", nodePort[21], nodePort[990], nodePort[22]) {
		t.Errorf("the ports are %s", fs.Status.Ports)
	}
}

func TestClusterIPsAreTold(t *testing.T) {
	t.Parallel()
	c, fs := exposed(t, v1alpha1.ExposeClusterIP)
	ready(t, fs, v1alpha1.ReasonReady)
	svc := get(t, c.ns, "files", &corev1.Service{})
	passive(t, c.ns, tells(svc.Spec.ClusterIP))
	expect(t, fs, v1alpha1.ConditionActiveMode, "False", v1alpha1.ReasonOtherAddress, "come from the pod's own address")
	if fs.Status.Address != svc.Spec.ClusterIP {
		t.Errorf("the address is %s, want %s", fs.Status.Address, svc.Spec.ClusterIP)
	}
}

func TestTheHostNetworkTellsTheAddressOfTheConnection(t *testing.T) {
	t.Parallel()
	c, fs := exposed(t, v1alpha1.ExposeHostNetwork)
	ready(t, fs, v1alpha1.ReasonReady, "Clients can connect to 198.18.0.77")
	expect(t, fs, v1alpha1.ConditionActiveMode, "True", v1alpha1.ReasonSameAddress)
	passive(t, c.ns, tells())
	if fs.Status.PassivePorts != "49152-65535" {
		t.Errorf("the passive range is %s", fs.Status.PassivePorts)
	}
	if svc := get(t, c.ns, "files", &corev1.Service{}); svc.Spec.ClusterIP != corev1.ClusterIPNone || len(svc.Spec.Ports) != 5 {
		t.Errorf("the Service has the address %s and %d ports; want none, and 5", svc.Spec.ClusterIP, len(svc.Spec.Ports))
	}
	err := api.Get(t.Context(), client.ObjectKey{Namespace: c.ns, Name: "files"}, &networkingv1.NetworkPolicy{})
	if client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("there is a NetworkPolicy, which does not count on the host network (%v)", err)
	}
}

func TestActiveModeIsRefusedWhereAddressesAreHiddenUnlessTheSpecSaysOtherwise(t *testing.T) {
	t.Parallel()
	c, fs := exposed(t, v1alpha1.ExposeNodePort)
	mode := func(want config.ActiveMode) {
		t.Helper()
		eventually(t, func() error {
			cfg, err := configFile(t, c.ns, "files")
			if err == nil && cfg.ActiveMode != want {
				err = fmt.Errorf("active mode is %q, want %q", cfg.ActiveMode, want)
			}
			return err
		})
	}
	mode(config.ActiveRefused)
	expect(t, fs, v1alpha1.ConditionActiveMode, "False", v1alpha1.ReasonAddressesHidden, "so they are refused")

	update(t, fs, func() { fs.Spec.ActiveMode = v1alpha1.ActiveAllowed })
	mode(config.ActiveAllowed)
	expect(t, fs, v1alpha1.ConditionActiveMode, "False", v1alpha1.ReasonAddressesHidden, "any user can have the server connect to ports of the nodes")

	update(t, fs, func() {
		fs.Spec.ActiveMode, fs.Spec.Expose.NodePort = "", &v1alpha1.NodePort{ExternalTrafficPolicy: v1alpha1.TrafficLocal}
	})
	mode("") // the server's default, Allowed
	expect(t, fs, v1alpha1.ConditionActiveMode, "False", v1alpha1.ReasonOtherAddress)

	update(t, fs, func() { fs.Spec.ActiveMode = v1alpha1.ActiveRefused })
	mode(config.ActiveRefused)
	expect(t, fs, v1alpha1.ConditionActiveMode, "False", v1alpha1.ReasonActiveModeRefused, "as spec.activeMode wants")
}

func TestChangingTheExposureIsHot(t *testing.T) {
	t.Parallel()
	c, fs := exposed(t, v1alpha1.ExposeLoadBalancer)
	c.address("files", "198.51.100.40")
	passive(t, c.ns, tells("198.51.100.40"))
	before := c.deployment("files-0")

	c.address("files", "198.51.100.41")
	passive(t, c.ns, tells("198.51.100.41"))
	ready(t, fs, v1alpha1.ReasonReady, "198.51.100.41")

	update(t, fs, func() { fs.Spec.Expose.Type = v1alpha1.ExposeClusterIP })
	svc := get(t, c.ns, "files", &corev1.Service{})
	passive(t, c.ns, tells(svc.Spec.ClusterIP))
	update(t, fs, func() { fs.Spec.Expose.Type = v1alpha1.ExposeNodePort })
	passive(t, c.ns, tellsAtLast(config.NodeAddress))

	if after := c.deployment("files-0"); after.UID != before.UID || after.Generation != before.Generation {
		t.Error("the pods were replaced for it")
	}
}

func TestAServiceLosesAndGetsItsClusterIP(t *testing.T) {
	t.Parallel()
	c, fs := exposed(t, v1alpha1.ExposeClusterIP)
	headless := func(want bool) func() error {
		return func() error {
			svc := &corev1.Service{}
			if err := api.Get(t.Context(), client.ObjectKey{Namespace: c.ns, Name: "files"}, svc); err != nil {
				return err
			}
			if (svc.Spec.ClusterIP == corev1.ClusterIPNone) != want {
				return errors.New("the cluster IP is " + svc.Spec.ClusterIP)
			}
			return nil
		}
	}
	eventually(t, headless(false))
	update(t, fs, func() { fs.Spec.Expose.Type = v1alpha1.ExposeHostNetwork })
	eventually(t, headless(true))
	update(t, fs, func() { fs.Spec.Expose.Type = v1alpha1.ExposeLoadBalancer })
	eventually(t, headless(false))
}

func TestAWideRangeIsServedAndWarnedOf(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	fs := fileServer(c.ns, "files")
	fs.Spec.Passive = v1alpha1.Passive{Ports: &v1alpha1.PortRange{First: 50000, Last: 54999}, PortsPerPod: 1000}
	create(t, fs)
	expect(t, fs, v1alpha1.ConditionWideRange, "True", v1alpha1.ReasonServiceLinks, "each of the 5000 passive ports")
	if n := len(get(t, c.ns, "files", &corev1.Service{}).Spec.Ports); n != 5005 {
		t.Errorf("the Service has %d ports", n)
	}
	c.have("files-0")
	update(t, fs, func() { fs.Spec.Passive.Ports.Last = 50999 })
	eventually(t, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(fs), fs); err != nil {
			return err
		}
		for _, c := range fs.Status.Conditions {
			if c.Type == v1alpha1.ConditionWideRange {
				return errors.New("the warning is still there")
			}
		}
		return nil
	})
}
