//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
)

// An exposure is one way to reach a server, and what cannot work there.
type exposure struct {
	name     string
	expose   string // spec.expose, in JSON
	passive  string // spec.passive, in JSON; "" is the default
	reached  string // how the address begins that clients connect to
	active   string // status and reason of the condition ActiveMode
	limits   []limit
	byName   bool // whether the balancer is known by a host name alone
	restarts bool // whether a pod is replaced for it
}

// A limit is what cannot work by nature.
type limit struct {
	modes []string
	from  string // "outside", "pod", or "" for both
	cause cause
}

// A cause is why something cannot work, and what a client then says.
type cause struct {
	why  string
	says *regexp.Regexp
}

var (
	// The server sees the address of a node in place of the client's, and makes
	// data connections to no third party.
	hidden = cause{"address hidden", regexp.MustCompile(`504 `)}
	// The data connection comes from the address of the pod or of its node, and
	// a strict client takes one only from where it connected to.
	otherAddress = cause{"other address", regexp.MustCompile(`peer has mismatching address`)}
	// Cluster IPs mean nothing outside.
	unreachable = cause{"unreachable", regexp.MustCompile(`Failed to connect|unreachable|timed out|refused`)}
)

// The commands for a data connection (RFC 959, RFC 2428). strict is active mode
// with a client that takes a data connection only from where it connected to.
const strict = "strict"

var (
	passiveModes = []string{"PASV", "EPSV"}
	activeModes  = []string{"PORT", "EPRT", strict}
	everyMode    = slices.Concat(passiveModes, activeModes)
)

var exposures = []exposure{
	{
		name: "LoadBalancer Local", expose: `{"type": "LoadBalancer", "loadBalancer": {"externalTrafficPolicy": "Local"}, "ipFamilyPolicy": "RequireDualStack"}`,
		reached: "198.51.100.", active: "False OtherAddress",
		limits: []limit{{[]string{strict}, "", otherAddress}},
	},
	{
		name: "LoadBalancer Local IPv6", expose: `{"type": "LoadBalancer", "loadBalancer": {"externalTrafficPolicy": "Local"}, "ipFamilyPolicy": "RequireDualStack"}`,
		reached: "2001:db8:51:", active: "False OtherAddress",
		limits: []limit{{[]string{strict}, "", otherAddress}},
	},
	{
		name: "LoadBalancer Cluster", expose: `{"type": "LoadBalancer", "loadBalancer": {"externalTrafficPolicy": "Cluster"}, "ipFamilyPolicy": "RequireDualStack"}`,
		reached: "198.51.100.", active: "False AddressesHidden",
		limits: []limit{{activeModes, "", hidden}},
	},
	{
		name: "LoadBalancer Cluster IPv6", expose: `{"type": "LoadBalancer", "loadBalancer": {"externalTrafficPolicy": "Cluster"}, "ipFamilyPolicy": "RequireDualStack"}`,
		reached: "2001:db8:51:", active: "False AddressesHidden",
		limits: []limit{{activeModes, "", hidden}},
	},
	{
		name: "NodePort", expose: `{"type": "NodePort"}`,
		reached: "198.18.0.", active: "False AddressesHidden",
		limits: []limit{{activeModes, "", hidden}},
	},
	{
		name: "LoadBalancer again", expose: `{"type": "LoadBalancer", "loadBalancer": {"externalTrafficPolicy": "Local"}}`,
		reached: "198.51.100.", active: "False OtherAddress",
		limits: []limit{{[]string{strict}, "", otherAddress}},
	},
	{
		name: "ClusterIP", expose: `{"type": "ClusterIP"}`,
		reached: "198.19.", active: "False OtherAddress",
		limits: []limit{{everyMode, "outside", unreachable}, {[]string{strict}, "pod", otherAddress}},
	},
	{
		name: "LoadBalancer by hostname", expose: `{"type": "LoadBalancer", "loadBalancer": {"externalTrafficPolicy": "Local", "class": "fileserver.dev/e2e"}}`,
		reached: "balancer.", active: "False OtherAddress", byName: true,
		// Pods leave for a balancer outside with the address of their node.
		limits: []limit{{activeModes, "pod", hidden}, {[]string{strict}, "outside", otherAddress}},
	},
	{
		name: "HostNetwork", expose: `{"type": "HostNetwork"}`, passive: `{"ports": {"first": 50000, "last": 59999}}`,
		reached: "198.18.0.", active: "True SameAddress", restarts: true,
		// Pods leave for a node with the address of their own node.
		limits: []limit{{activeModes, "pod", hidden}},
	},
}

// TestEveryExposureAndMode moves a file in every mode, with two clients, from
// outside and from a pod, by every exposure, and prints what works as a table,
// which docs/exposure.md explains. What cannot work by nature has to fail, and
// for its reason: should it begin to work, table and condition are wrong.
func TestEveryExposureAndMode(t *testing.T) {
	insideOnly(t)
	n := newSpace(t)
	// HostNetwork needs a namespace that allows it.
	n.kubectl("label", "namespace", n.name, "--overwrite", "pod-security.kubernetes.io/enforce=privileged")
	target := n.serve("{protocols: {ftp: {tls: Optional}, sftp: {}}}")
	server := n.podOfSlot(0)
	clientPod := n.clientPod(server.Node)
	fmt.Printf("exposure %-26s %-7s %-15s %-15s %-15s %-15s\n", "", "mode", "outside curl", "outside lftp", "pod curl", "pod lftp")
	for _, e := range exposures {
		n.expose(e)
		if now := n.podOfSlot(0); (now.UID != server.UID) != e.restarts {
			t.Errorf("%s: the pod was replaced: %t, want %t", e.name, now.UID != server.UID, e.restarts)
		}
		places := []place{
			{"outside", func(ctx context.Context, name string, args ...string) *exec.Cmd {
				return kube.Client(ctx, name, args...)
			}},
			{"pod", func(ctx context.Context, name string, args ...string) *exec.Cmd {
				cmd, err := kube.InPod(ctx, clientPod, name, args...)
				if err != nil {
					t.Error(err)
					return exec.CommandContext(ctx, "false")
				}
				return cmd
			}},
		}
		n.tryModes(e, n.reachedAt(e, target), places)
	}
}

// A place is where clients run.
type place struct {
	name string
	run  clients.Runner
}

// expose changes how the server is reached, and waits until that is so.
func (n *space) expose(e exposure) {
	n.t.Helper()
	passive := e.passive
	if passive == "" {
		passive = "{}"
	}
	n.kubectl("patch", "fileserver", "files", "--type=json", "-p", fmt.Sprintf(
		`[{"op": "add", "path": "/spec/expose", "value": %s}, {"op": "add", "path": "/spec/passive", "value": %s}]`, e.expose, passive))
	if e.byName {
		n.balanceByName()
	}
	n.settled(1)
	n.kubectl("wait", "fileserver/files", "--for=condition=Reconciling=False", "--timeout=2m")
	status, reason, _ := strings.Cut(e.active, " ")
	n.hasCondition("ActiveMode", status, reason)
}

// namedBalancer is the address of a balancer that Kubernetes knows by name.
const namedBalancer = "198.51.100.250"

// balanceByName is a cloud whose balancers have host names: what comes to the
// router for its address is sent to the node ports of the pod's node. The name
// is one that the cluster's DNS can serve.
func (n *space) balanceByName() {
	n.t.Helper()
	n.apply(`
apiVersion: v1
kind: Service
metadata: {name: balancer}
spec: {clusterIP: None}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: balancer, labels: {kubernetes.io/service-name: balancer}}
addressType: IPv4
endpoints: [{addresses: [` + namedBalancer + `]}]
`)
	var ports []string
	n.eventually("the Service has node ports", func() error {
		var service corev1.Service
		n.object(&service, "service", "files")
		ports = nil
		for _, p := range service.Spec.Ports {
			if service.Spec.LoadBalancerClass == nil || p.NodePort == 0 {
				return fmt.Errorf("port %d has none", p.Port)
			}
			ports = append(ports, fmt.Sprintf("%d : %d", p.Port, p.NodePort))
		}
		return nil
	})
	node := n.podOfSlot(0).HostIP
	n.onRouter(fmt.Sprintf(`
table ip named-balancer {
	chain prerouting {
		type nat hook prerouting priority dstnat;
		ip daddr %[1]s meta l4proto tcp dnat ip to %[2]s : tcp dport map { %[3]s }
	}
	chain postrouting {
		type nat hook postrouting priority srcnat;
		ip saddr 198.18.0.0/24 ip daddr %[2]s ct status dnat masquerade
	}
}`, namedBalancer, node, strings.Join(ports, ", ")))
	n.t.Cleanup(func() { n.onRouter("delete table ip named-balancer") })
	n.kubectl("patch", "service", "files", "--subresource=status", "--type=merge", "-p", fmt.Sprintf(
		`{"status": {"loadBalancer": {"ingress": [{"hostname": "balancer.%s.svc.cluster.local"}]}}}`, n.name))
}

// onRouter changes the router's packet filter.
func (n *space) onRouter(rules string) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := kube.On(ctx, "router", "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		n.t.Errorf("nft: %v: %s", err, out)
	}
}

// reachedAt is the target with the address and port of the exposure.
func (n *space) reachedAt(e exposure, t clients.Target) clients.Target {
	n.t.Helper()
	n.eventually("an address of "+e.name, func() error {
		endpoints := n.kubectl("get", "fileserver", "files", "-o", `jsonpath={range .status.endpoints[?(@.name=="ftp")]}{.address} {.port}{"\n"}{end}`)
		for line := range strings.Lines(endpoints) {
			address, port, _ := strings.Cut(strings.TrimSpace(line), " ")
			if strings.HasPrefix(address, e.reached) {
				var err error
				if t.Host = address; e.byName {
					t.Host = namedBalancer // clients outside do not know the cluster's names
				}
				t.FTP, err = strconv.Atoi(port)
				return err
			}
		}
		return fmt.Errorf("endpoints are %q", endpoints)
	})
	return t
}

// tryModes fills and checks the rows of an exposure.
func (n *space) tryModes(e exposure, t clients.Target, places []place) {
	n.t.Helper()
	file := n.file("exposed", "content")
	// The pod learns of the change a moment after the Service.
	n.eventually(e.name+" is in force", func() error {
		mode := "EPSV"
		for _, p := range places {
			if e.limited(mode, p.name) == nil {
				if out := n.try(t, "curl", mode, p, file); out.err != nil {
					return fmt.Errorf("%s: %w", p.name, out.err)
				}
			}
		}
		return nil
	})
	for _, mode := range everyMode {
		var cells [4]string
		var all sync.WaitGroup
		for i, p := range places {
			for j, client := range []string{"curl", "lftp"} {
				all.Go(func() { cells[2*i+j] = n.cell(e, t, client, mode, p, file) })
			}
		}
		all.Wait()
		fmt.Printf("exposure %-26s %-7s %-15s %-15s %-15s %-15s\n", e.name, mode, cells[0], cells[1], cells[2], cells[3])
	}
}

// limited says why something cannot work; nil if it has to.
func (e exposure) limited(mode, from string) *cause {
	for _, l := range e.limits {
		if slices.Contains(l.modes, mode) && (l.from == "" || l.from == from) {
			return &l.cause
		}
	}
	return nil
}

// cell tries one way, fails the test if that does not end as it has to, and
// returns what to print of it.
func (n *space) cell(e exposure, t clients.Target, client, mode string, from place, file string) string {
	v6 := strings.Contains(t.Host, ":")
	if v6 && (mode == "PASV" || mode == "PORT") {
		return "IPv4 only" // by RFC 959; clients do not even try
	}
	if !speaks(client, mode, v6) {
		return "-"
	}
	got, want := n.try(t, client, mode, from, file), e.limited(mode, from.name)
	what := fmt.Sprintf("%s: %s, %s, %s", e.name, mode, client, from.name)
	switch {
	case want == nil && got.err != nil:
		n.t.Errorf("%s: %v", what, got.err)
		return "FAILS"
	case want == nil:
		return "ok"
	case got.err == nil:
		n.t.Errorf("%s: it works, but is documented as impossible (%s)", what, want.why)
		return "WORKS"
	case !want.says.MatchString(got.output):
		n.t.Errorf("%s: want a failure for %q, got %v", what, want.why, got.err)
		return "FAILS"
	}
	return want.why
}

// speaks says whether a client has a mode: curl does not care where data
// connections come from, lftp sends EPRT over IPv6 alone, and PASV and PORT are
// for IPv4.
func speaks(client, mode string, v6 bool) bool {
	switch mode {
	case strict:
		return client == "lftp"
	case "EPRT":
		return client == "curl" || v6
	}
	return true
}

type attempt struct {
	output string
	err    error
}

var sentCommand = regexp.MustCompile(`(?m)^(?:>|--->) (PASV|EPSV|PORT|EPRT)\b`)

// try uploads a file. Both clients fall back to other commands when one fails,
// which does not count.
func (n *space) try(t clients.Target, client, mode string, from place, file string) attempt {
	ctx, cancel := context.WithTimeout(n.t.Context(), 30*time.Second)
	defer cancel()
	var cmd *exec.Cmd
	if client == "curl" {
		cmd = from.run(ctx, "curl", curlArgs(t, mode, file)...)
	} else {
		cmd = from.run(ctx, "lftp", "--norc")
		cmd.Stdin = strings.NewReader(lftpScript(t, mode, file))
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	a := attempt{output: out.String(), err: err}
	if err != nil {
		a.err = fmt.Errorf("%s: %w: %s", client, err, a.output)
		return a
	}
	for _, sent := range sentCommand.FindAllStringSubmatch(a.output, -1) {
		if mode != strict && sent[1] != mode {
			a.err = fmt.Errorf("%s fell back to %s: %s", client, sent[1], a.output)
		}
	}
	if !sentCommand.MatchString(a.output) {
		a.err = errors.New(client + " does not show its commands: " + a.output)
	}
	return a
}

// curlArgs has active mode go without TLS: curl 7.88, Debian 12's, fails with
// it once it has accepted the connection. The address that PASV tells counts,
// which curl ignores by itself.
func curlArgs(t clients.Target, mode, file string) []string {
	args := []string{
		"-sSv", "--connect-timeout", "3", "--max-time", "20", "--insecure", "--user", t.User + ":" + t.Password, "-T", file,
		"ftp://" + net.JoinHostPort(t.Host, strconv.Itoa(t.FTP)) + "/exposed-curl-" + mode,
	}
	return append(args, map[string][]string{
		"PASV": {"--ssl-reqd", "--disable-epsv", "--no-ftp-skip-pasv-ip"},
		"EPSV": {"--ssl-reqd"},
		"PORT": {"--ftp-port", "-", "--disable-eprt"},
		"EPRT": {"--ftp-port", "-"},
	}[mode]...)
}

func lftpScript(t clients.Target, mode, file string) string {
	lines := []string{
		"debug 5", "set cmd:fail-exit yes", "set net:max-retries 1", "set net:timeout 8", "set net:connection-limit 1",
		"set ftp:ssl-force yes", "set ftp:ssl-protect-data yes", "set ssl:verify-certificate no",
		"set ftp:auto-passive-mode no", "set ftp:fix-pasv-address no",
	}
	lines = append(lines, map[string][]string{
		"PASV": {"set ftp:prefer-epsv no"},
		"EPSV": {"set ftp:prefer-epsv yes"},
		"PORT": {"set ftp:passive-mode no"},
		"EPRT": {"set ftp:passive-mode no"},
		strict: {"set ftp:passive-mode no", "set ftp:verify-address yes"},
	}[mode]...)
	lines = append(lines, "open -u "+t.User+","+t.Password+" ftp://"+net.JoinHostPort(t.Host, strconv.Itoa(t.FTP)),
		"put "+file+" -o exposed-lftp-"+mode, "bye")
	return strings.Join(lines, "\n") + "\n"
}

// clientPod makes a pod that does nothing on another node than the given one,
// and returns its UID: clients run in its network namespace.
func (n *space) clientPod(notOn string) string {
	n.t.Helper()
	n.apply(fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
    {matchExpressions: [{key: kubernetes.io/hostname, operator: NotIn, values: [%s]}]}]}}}
  containers: [{name: pause, image: "fileserver.dev/pause:1", imagePullPolicy: Never}]
`, notOn))
	n.kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=1m")
	return n.kubectl("get", "pod", "client", "-o", "jsonpath={.metadata.uid}")
}
