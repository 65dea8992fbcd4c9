package resources

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/check"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

const (
	containerName  = "fileserver"
	nodeAddressEnv = "NODE_ADDRESS"

	// What a server needs to end after its drain has timed out.
	terminationMargin = 15 * time.Second
)

// Slot is one pod's place: a number, and its slice of the passive range.
type Slot struct {
	Number int
	Ports  v1alpha1.PortRange
}

// pod is what all pods have in common.
func (s Server) pod() *corev1ac.PodTemplateSpecApplyConfiguration {
	t := s.Spec.PodTemplate
	template := corev1ac.PodTemplateSpec().
		WithLabels(with(t.Labels, s.Labels())).
		WithSpec(s.podSpec())
	if len(t.Annotations) > 0 {
		template.WithAnnotations(t.Annotations)
	}
	return template
}

func (s Server) podSpec() *corev1ac.PodSpecApplyConfiguration {
	drain := s.Spec.Drain.Timeout.Or(defaultDrain) + s.Spec.Drain.AcceptFor.Or(defaultAcceptFor) + terminationMargin
	spec := corev1ac.PodSpec().
		WithContainers(s.container()).
		WithVolumes(s.volumes()...).
		WithSecurityContext(s.podSecurity()).
		WithEnableServiceLinks(false). // five variables for each port, in every pod
		WithAutomountServiceAccountToken(false).
		WithTerminationGracePeriodSeconds(int64(drain.Round(time.Second) / time.Second))
	if s.onHost() {
		spec.WithHostNetwork(true).WithDNSPolicy(corev1.DNSClusterFirstWithHostNet)
	}
	s.resolve(spec)
	s.schedule(spec)
	for _, name := range s.pullSecrets() {
		spec.WithImagePullSecrets(corev1ac.LocalObjectReference().WithName(name))
	}
	if name := s.Spec.PodTemplate.ServiceAccountName; name != "" {
		spec.WithServiceAccountName(name)
	}
	return spec
}

func (s Server) onHost() bool { return s.Spec.Expose.Type == v1alpha1.ExposeHostNetwork }

// pullSecrets are those that podTemplate names, and then those of all servers.
func (s Server) pullSecrets() []string {
	var names []string
	for _, r := range s.Spec.PodTemplate.ImagePullSecrets {
		names = append(names, r.Name)
	}
	for _, name := range s.PullSecrets {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// resolve says how the pods resolve names.
func (s Server) resolve(spec *corev1ac.PodSpecApplyConfiguration) {
	t := s.Spec.PodTemplate
	for i := range t.HostAliases {
		spec.WithHostAliases(convert[corev1ac.HostAliasApplyConfiguration](&t.HostAliases[i]))
	}
	if t.DNSConfig != nil {
		spec.WithDNSConfig(convert[corev1ac.PodDNSConfigApplyConfiguration](t.DNSConfig))
	}
}

// env are the variables that podTemplate names, and the server's own.
func (s Server) env() []*corev1ac.EnvVarApplyConfiguration {
	var env []*corev1ac.EnvVarApplyConfiguration
	for i := range s.Spec.PodTemplate.Env {
		if v := &s.Spec.PodTemplate.Env[i]; v.Name != nodeAddressEnv {
			env = append(env, convert[corev1ac.EnvVarApplyConfiguration](v))
		}
	}
	return append(env, corev1ac.EnvVar().WithName(nodeAddressEnv).WithValueFrom(
		corev1ac.EnvVarSource().WithFieldRef(corev1ac.ObjectFieldSelector().WithAPIVersion("v1").WithFieldPath("status.hostIP"))))
}

func (s Server) container() *corev1ac.ContainerApplyConfiguration {
	capabilities := corev1ac.Capabilities().WithDrop("ALL")
	if s.needsRoot() {
		capabilities.WithAdd("NET_BIND_SERVICE")
	}
	c := corev1ac.Container().
		WithName(containerName).
		WithImage(s.Image()).
		WithArgs(s.args()...).
		WithEnv(s.env()...).
		WithVolumeMounts(s.mounts()...).
		WithResources(s.resources()).
		WithSecurityContext(corev1ac.SecurityContext().
			WithAllowPrivilegeEscalation(false).
			WithReadOnlyRootFilesystem(true).
			WithCapabilities(capabilities)).
		WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
		// Without a startup probe the kubelet asks as soon as it sees the container
		// run, and not at the next beat of a second.
		WithReadinessProbe(probe(config.PathReady, 1, 15)).
		WithLivenessProbe(probe(config.PathLive, 10, 6))
	if s.Spec.ImagePullPolicy != "" {
		c.WithImagePullPolicy(corev1.PullPolicy(s.Spec.ImagePullPolicy))
	}
	for _, p := range s.ports() {
		c.WithPorts(containerPort(p))
	}
	return c.WithPorts(containerPort(namedPort{config.PortNameHTTP, s.Spec.MetricsPort()}))
}

func (s Server) args() []string {
	args := []string{flag(config.FlagNodeAddress, "$("+nodeAddressEnv+")"), flag(config.FlagLogLevel, logLevels[s.Spec.LogLevel])}
	port := strconv.Itoa(int(s.Spec.MetricsPort()))
	switch {
	case s.onHost():
		// Not at the other addresses of the node. A pod of its own has but one, and
		// `kubectl port-forward` comes by its loopback.
		args = append(args, flag(config.FlagHTTPAddress, "[$("+nodeAddressEnv+")]:"+port))
		// The loopback is that of the node: other servers' pods and everybody on the node have it.
		args = append(args, flag(config.FlagAdminAddress, ""))
	case s.Spec.MetricsPort() != config.PortHTTP:
		args = append(args, flag(config.FlagHTTPAddress, ":"+port))
	}
	return args
}

// PodMetricsPort is the port on which a pod says what it has loaded. It may be an older
// pod, of a spec with another port.
func PodMetricsPort(pod *corev1.PodSpec) int32 {
	for _, c := range pod.Containers {
		for _, p := range c.Ports {
			if p.Name == config.PortNameHTTP {
				return p.ContainerPort
			}
		}
	}
	return config.PortHTTP
}

var logLevels = map[v1alpha1.LogLevel]string{
	"": "info", v1alpha1.LogDebug: "debug", v1alpha1.LogInfo: "info", v1alpha1.LogWarn: "warn", v1alpha1.LogError: "error",
}

func flag(name, value string) string { return "--" + name + "=" + value }

func containerPort(p namedPort) *corev1ac.ContainerPortApplyConfiguration {
	return corev1ac.ContainerPort().WithName(p.name).WithContainerPort(p.port).WithProtocol(corev1.ProtocolTCP)
}

func probe(path string, period, failures int32) *corev1ac.ProbeApplyConfiguration {
	return corev1ac.Probe().
		WithHTTPGet(corev1ac.HTTPGetAction().WithPath(path).WithPort(intstr.FromString(config.PortNameHTTP))).
		WithPeriodSeconds(period).
		WithTimeoutSeconds(5).
		WithFailureThreshold(failures)
}

// HashMemory is how many bytes the hashes of passwords may use at once in a pod.
func (s Server) HashMemory() int64 {
	limit := s.resources().Limits
	if limit == nil {
		return check.HashMemory(0)
	}
	return check.HashMemory(limit.Memory().Value())
}

func (s Server) resources() *corev1ac.ResourceRequirementsApplyConfiguration {
	if r := s.Spec.PodTemplate.Resources; r != nil {
		return convert[corev1ac.ResourceRequirementsApplyConfiguration](r)
	}
	return corev1ac.ResourceRequirements().
		WithRequests(corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("100m"),
			corev1.ResourceMemory: resource.MustParse("64Mi"),
		}).
		WithLimits(corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")})
}

// own adds to the pod what belongs to its slot alone.
func own(pod *corev1ac.PodTemplateSpecApplyConfiguration, slot Slot, declare bool) {
	pod.WithLabels(map[string]string{v1alpha1.LabelSlot: strconv.Itoa(slot.Number)})
	pod.WithAnnotations(map[string]string{v1alpha1.AnnotationPassivePorts: slot.Ports.String()})
	c := &pod.Spec.Containers[0]
	c.WithArgs(flag(config.FlagPassivePorts, slot.Ports.String()))
	if !declare {
		return
	}
	for port := slot.Ports.First; port <= slot.Ports.Last; port++ {
		c.WithPorts(containerPort(namedPort{config.PassivePortName(int(port)), port}))
	}
}

// convert turns an API type into its apply configuration, which has the same
// fields.
func convert[T any](in any) *T {
	out := new(T)
	b, err := json.Marshal(in)
	if err == nil {
		err = json.Unmarshal(b, out)
	}
	if err != nil {
		panic(fmt.Sprintf("%T is not what %T applies: %v", in, out, err))
	}
	return out
}
