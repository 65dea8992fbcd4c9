// Package promise reads from a cluster what a FileServer promises to its clients.
package promise

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/cmd/kubectl-fileserver/internal/diagnose"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// A Promise is what clients may count on, and what they need for it.
type Promise struct {
	diagnose.Expected
	Roots    *x509.CertPool // nil: not known
	Password string         // of the user; empty: not known
}

// Read reads a FileServer, and one of its users if one is named.
func Read(ctx context.Context, c client.Reader, namespace, name, user string) (Promise, error) {
	server := &v1alpha1.FileServer{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, server); err != nil {
		return Promise{}, fmt.Errorf("reading the FileServer: %w", err)
	}
	p := Promise{Expected: expected(server)}
	service := &corev1.Service{}
	if err := c.Get(ctx, client.ObjectKeyFromObject(server), service); client.IgnoreNotFound(err) != nil && !apierrors.IsForbidden(err) {
		return Promise{}, fmt.Errorf("reading the Service: %w", err)
	}
	pods := &corev1.PodList{}
	err := c.List(ctx, pods, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelServer: name})
	if err != nil && !apierrors.IsForbidden(err) {
		return Promise{}, fmt.Errorf("listing the pods: %w", err)
	}
	if server.Spec.ServedProtocols().HasPassive() {
		p.Slots = slots(server, service, pods.Items)
	}
	if user == "" {
		return p, nil
	}
	return p, p.readUser(ctx, c, namespace, name, user)
}

func expected(s *v1alpha1.FileServer) diagnose.Expected {
	e := diagnose.Expected{Name: s.Name, Namespace: s.Namespace, Exposure: string(cmp.Or(s.Spec.Expose.Type, v1alpha1.ExposeLoadBalancer))}
	e.Ready, e.Reason, e.Message = ready(s.Status.Conditions)
	for _, at := range s.Status.Endpoints {
		e.Endpoints = append(e.Endpoints, diagnose.Endpoint{Protocol: at.Name, Address: at.Address, Port: int(at.Port)})
	}
	// FTP first: what is wrong with it says more.
	slices.SortStableFunc(e.Endpoints, func(a, b diagnose.Endpoint) int { return cmp.Compare(a.Protocol, b.Protocol) })
	for _, key := range s.Status.SSHHostKeys {
		e.HostKeys = append(e.HostKeys, diagnose.HostKey{Type: key.Type, Fingerprint: key.Fingerprint})
	}
	if s.Status.TLS != nil {
		e.Certificate = s.Status.TLS.Fingerprint
	}
	if ftp := s.Spec.ServedProtocols().FTP; ftp != nil {
		e.PlainFTP = ftp.TLS == v1alpha1.TLSDisabled
	}
	if c := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionActiveMode); c != nil {
		e.SameAddress = c.Reason == v1alpha1.ReasonSameAddress
		e.Active = e.SameAddress || c.Reason == v1alpha1.ReasonOtherAddress
	}
	return e
}

func ready(conditions []metav1.Condition) (is bool, reason, message string) {
	c := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if c == nil {
		return false, "Unknown", "the operator has not looked at it yet: see whether it runs."
	}
	return c.Status == metav1.ConditionTrue, c.Reason, c.Message
}

// slots are the pods with passive ports, in the order of their ports.
func slots(s *v1alpha1.FileServer, service *corev1.Service, pods []corev1.Pod) []diagnose.Slot {
	nodePorts := map[string]int{}
	if s.Spec.Expose.Type == v1alpha1.ExposeNodePort {
		for _, p := range service.Spec.Ports {
			nodePorts[p.Name] = int(p.NodePort)
		}
	}
	var all []diagnose.Slot
	for i := range pods {
		first, last, ok := parseRange(pods[i].Annotations[v1alpha1.AnnotationPassivePorts])
		if !ok || pods[i].DeletionTimestamp != nil || !isReady(&pods[i]) {
			continue
		}
		slot := diagnose.Slot{Pod: pods[i].Name}
		for port := first; port <= last; port++ {
			slot.Ports = append(slot.Ports, cmp.Or(nodePorts[config.PassivePortName(port)], port))
		}
		all = append(all, slot)
	}
	if s.Spec.Expose.Type == v1alpha1.ExposeHostNetwork && len(all) > 1 {
		all = all[:1] // each pod has all ports
	}
	slices.SortFunc(all, func(a, b diagnose.Slot) int { return cmp.Compare(a.Ports[0], b.Ports[0]) })
	return all
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// parseRange reads "first-last".
func parseRange(text string) (first, last int, ok bool) {
	from, to, ok := strings.Cut(text, "-")
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	return first, last, ok && err1 == nil && err2 == nil && first > 0 && first <= last && last < 1<<16
}

func (p *Promise) readUser(ctx context.Context, c client.Reader, namespace, server, name string) error {
	user := &v1alpha1.FileServerUser{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, user); err != nil {
		return fmt.Errorf("reading the FileServerUser: %w", err)
	}
	if user.Spec.ServerRef.Name != server {
		return fmt.Errorf("%s is a user of the FileServer %s, and not of %s", name, user.Spec.ServerRef.Name, server)
	}
	p.User = &diagnose.User{Name: user.LoginName(), SeesNothing: seesNothing(&user.Spec)}
	p.User.Ready, p.User.Reason, p.User.Message = ready(user.Status.Conditions)
	for _, protocol := range user.Spec.Protocols {
		p.User.Protocols = append(p.User.Protocols, string(protocol))
	}
	if user.Status.Binding == nil {
		return nil
	}
	secret := &corev1.Secret{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: user.Status.Binding.Name}, secret); err != nil {
		return fmt.Errorf("reading the credentials: %w", err)
	}
	p.Password = string(secret.Data["password"])
	if ca := secret.Data["ca.crt"]; len(ca) > 0 {
		p.Roots = x509.NewCertPool()
		if !p.Roots.AppendCertsFromPEM(ca) {
			return fmt.Errorf("the Secret %s has no certificate in ca.crt", secret.Name)
		}
	}
	return nil
}

// seesNothing says whether the user may not list the top folder.
func seesNothing(u *v1alpha1.FileServerUserSpec) bool {
	access := string(u.Access)
	for _, rule := range u.Paths {
		if rule.Path == "/" {
			access = string(rule.Access)
		}
	}
	return access == string(v1alpha1.UserWriteOnly) || access == "None"
}
