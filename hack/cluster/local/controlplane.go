package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/network"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/pki"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/plan"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/process"
)

// Certificates of clients, named like the programs that use them.
const (
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
	kubeProxy         = "kube-proxy"
	kubeletClient     = "apiserver-kubelet-client"
)

// internalServer is the API server's address inside the cluster's namespaces.
func internalServer() string {
	return "https://" + net.JoinHostPort(plan.ControlAddresses().V4.String(), plan.APIServerPort)
}

// writeCredentials makes the certificates, and a kubeconfig for each program. Each has the identity that
// it has in any other cluster, so that what a program or a pod may do here is what it may do there.
func (c *Cluster) writeCredentials(port int) error {
	dir := c.pki()
	if err := dir.EnsureCA(); err != nil {
		return err
	}
	subjects := []pki.Subject{
		{
			Name: pki.APIServer, CommonName: "kube-apiserver",
			DNSNames:  []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"},
			Addresses: append(append(plan.ControlAddresses().All(), plan.Kubernetes.All()...), netip.MustParseAddr("127.0.0.1")),
		},
		{Name: pki.Admin, CommonName: "admin", Organizations: []string{"system:masters"}},
		{Name: kubeletClient, CommonName: "kube-apiserver-kubelet-client", Organizations: []string{"system:masters"}},
	}
	programs := []pki.Subject{
		{Name: controllerManager, CommonName: "system:kube-controller-manager"},
		{Name: scheduler, CommonName: "system:kube-scheduler"},
		{Name: kubeProxy, CommonName: "system:kube-proxy"},
	}
	for _, node := range c.NodeNames() {
		programs = append(programs, pki.Subject{Name: node, CommonName: "system:node:" + node, Organizations: []string{"system:nodes"}})
	}
	for _, s := range append(subjects, programs...) {
		if err := dir.Ensure(s); err != nil {
			return err
		}
	}
	for _, s := range programs {
		if err := dir.WriteKubeconfig(c.kubeconfigOf(s.Name), c.Name, internalServer(), s.Name); err != nil {
			return err
		}
	}
	return dir.WriteKubeconfig(c.Kubeconfig(), c.Name, "https://127.0.0.1:"+strconv.Itoa(port), pki.Admin)
}

// kubeconfigOf is the kubeconfig of one of the cluster's own programs.
func (c *Cluster) kubeconfigOf(program string) string { return c.state("pki", program+".kubeconfig") }

// forwardPort is the port of the machine's loopback interface that leads to the API server. It is kept for as
// long as the cluster exists, for the sake of copies of the kubeconfig.
func (c *Cluster) forwardPort() (int, error) {
	file := c.state("port")
	if data, err := os.ReadFile(file); err == nil {
		port, err := strconv.Atoi(strings.TrimSpace(string(data)))
		if err == nil && (c.processes().Running(cloudProgram) || free(port)) {
			return port, nil
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	return port, writeFile(file, strconv.Itoa(port)+"\n")
}

func free(port int) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	listener.Close()
	return true
}

func (c *Cluster) kubernetes(program string) string {
	return filepath.Join(c.programs["kubernetes"], program)
}

// inControl describes a program in the control namespace.
func (c *Cluster) inControl(name string, args ...string) process.Process {
	return process.Process{
		Name:    name,
		Prefix:  []string{"nsenter", "--net=" + network.Path(c.Namespace(plan.Control))},
		Command: append([]string{c.kubernetes(name)}, args...),
		Env:     []string{"PATH=" + toolPath},
		Cgroup:  c.group(plan.Control),
	}
}

func (c *Cluster) etcd() process.Process {
	return c.inControl("etcd",
		"--data-dir="+c.state("etcd"),
		"--listen-client-urls=http://127.0.0.1:2379",
		"--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380",
		// What is lost when the machine loses power is made again; tests do not wait for the disk.
		"--unsafe-no-fsync",
	)
}

func (c *Cluster) apiServer() process.Process {
	p := c.pki()
	return c.inControl("kube-apiserver",
		"--etcd-servers=http://127.0.0.1:2379",
		// It cannot be found out: the default route leads to nowhere in particular.
		"--advertise-address="+plan.ControlAddresses().V4.String(),
		"--secure-port="+plan.APIServerPort,
		"--service-cluster-ip-range="+plan.Services.String(),
		"--cert-dir="+string(p),
		"--client-ca-file="+p.Cert(pki.CA),
		"--tls-cert-file="+p.Cert(pki.APIServer),
		"--tls-private-key-file="+p.Key(pki.APIServer),
		"--kubelet-client-certificate="+p.Cert(kubeletClient),
		"--kubelet-client-key="+p.Key(kubeletClient),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+p.Key(pki.ServiceAccounts),
		"--service-account-signing-key-file="+p.Key(pki.ServiceAccounts),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		// Do not linger for open watches when it is told to end.
		"--shutdown-delay-duration=0s",
	)
}

func (c *Cluster) controllerManager() process.Process {
	p := c.pki()
	return c.inControl(controllerManager,
		"--kubeconfig="+c.kubeconfigOf(controllerManager),
		"--leader-elect=false",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+p.Key(pki.ServiceAccounts),
		"--root-ca-file="+p.Cert(pki.CA),
		"--cluster-signing-cert-file="+p.Cert(pki.CA),
		"--cluster-signing-key-file="+p.Key(pki.CA),
		"--kube-api-qps=200", "--kube-api-burst=400",
		// It makes this folder, by default in /usr.
		"--flex-volume-plugin-dir="+c.state("volume-plugins"),
	)
}

func (c *Cluster) schedulerProcess() process.Process {
	return c.inControl(scheduler, "--kubeconfig="+c.kubeconfigOf(scheduler), "--leader-elect=false",
		"--kube-api-qps=200", "--kube-api-burst=400")
}

const cloudProgram = "cloud"

// cloudProcess runs on the machine itself, since it listens there; it enters the namespaces as needed.
func (c *Cluster) cloudProcess(port int) (process.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return process.Process{}, err
	}
	info, err := os.Stat(self)
	if err != nil {
		return process.Process{}, err
	}
	return process.Process{
		Name: cloudProgram,
		Command: []string{self, "cloud", "--name", c.Name, "--state-dir", c.StateRoot, "--nodes", strconv.Itoa(c.Nodes),
			"--listen", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))},
		Env:    []string{"PATH=" + toolPath},
		Cgroup: c.group(cloudProgram),
		Config: []string{info.ModTime().String(), strconv.FormatInt(info.Size(), 10)},
	}, nil
}

// restConfig is the administrator's.
func (c *Cluster) restConfig() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // no limit: what is waited for is asked for often
	return config, nil
}

// startControlPlane starts etcd, the API server and the cloud, which leads to it, and does not wait.
func (c *Cluster) startControlPlane(ctx context.Context, port int) error {
	cloud, err := c.cloudProcess(port)
	if err != nil {
		return err
	}
	for _, p := range []process.Process{c.etcd(), c.apiServer(), cloud} {
		if err := c.ensure(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// startControllers waits for the API server and starts what gives up without one.
func (c *Cluster) startControllers(ctx context.Context) error {
	if err := c.waitAPIServer(ctx); err != nil {
		return err
	}
	return errors.Join(c.ensure(ctx, c.controllerManager()), c.ensure(ctx, c.schedulerProcess()))
}

func (c *Cluster) waitAPIServer(ctx context.Context) error {
	config, err := c.restConfig()
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	return c.waitFor(ctx, "the API server to be ready", "kube-apiserver", 2*time.Minute, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host+"/readyz", nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", response.Status)
		}
		return nil
	})
}

// ensure starts a process unless it runs, and says so.
func (c *Cluster) ensure(ctx context.Context, p process.Process) error {
	started, err := c.processes().Ensure(ctx, p)
	c.ensured = append(c.ensured, p.Name)
	if started && err == nil {
		fmt.Fprintf(c.Out, "started %s\n", p.Name)
	}
	return err
}
