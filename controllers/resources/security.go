package resources

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

const (
	// uid is the server's user and group where podTemplate names none.
	uid int64 = 65532

	// The only sysctl that the pod needs: non-root on the standard ports. It
	// is among the safe ones of Pod Security "restricted".
	unprivilegedPorts = "net.ipv4.ip_unprivileged_port_start"
	// The first port that everybody may bind without it.
	firstUnprivileged = 1024
)

// identity is as whom the server reads and writes files. What podTemplate has
// says all, so that a platform can choose what it leaves out.
func (s Server) identity() v1alpha1.SecurityContext {
	if given := s.Spec.PodTemplate.SecurityContext; given != nil {
		return *given
	}
	return v1alpha1.SecurityContext{RunAsUser: uid, RunAsGroup: ptr.To(uid), FSGroup: ptr.To(uid)}
}

// needsRoot is true on the host network with ports below 1024: the sysctl is
// refused there.
func (s Server) needsRoot() bool { return s.onHost() && s.lowPorts() }

func (s Server) lowPorts() bool {
	return slices.ContainsFunc(s.ports(s.Spec.PassivePorts()), func(p namedPort) bool { return p.port < firstUnprivileged })
}

func (s Server) podSecurity() *corev1ac.PodSecurityContextApplyConfiguration {
	id := s.identity()
	sc := corev1ac.PodSecurityContext().
		WithSupplementalGroups(id.SupplementalGroups...).
		WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))
	sc.RunAsGroup, sc.FSGroup = id.RunAsGroup, id.FSGroup
	if id.RunAsUser != 0 {
		sc.WithRunAsUser(id.RunAsUser)
	}
	if id.FSGroup != nil {
		sc.WithFSGroupChangePolicy(corev1.FSGroupChangeOnRootMismatch)
		if id.FSGroupChangePolicy != "" {
			sc.WithFSGroupChangePolicy(corev1.PodFSGroupChangePolicy(id.FSGroupChangePolicy))
		}
	}
	if s.needsRoot() {
		return sc.WithRunAsUser(0)
	}
	sc.WithRunAsNonRoot(true)
	if !s.onHost() && s.lowPorts() && s.Spec.PodTemplate.Sysctls != v1alpha1.SysctlNone {
		sc.WithSysctls(corev1ac.Sysctl().WithName(unprivilegedPorts).WithValue("0"))
	}
	return sc
}

// fileMode is that of mounted Secrets and ConfigMaps. They belong to root and to
// fsGroup; without one, whoever the server is must be able to read them.
func (s Server) fileMode() int32 {
	if s.identity().FSGroup == nil {
		return 0o444
	}
	return 0o440
}
