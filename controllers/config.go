package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/check"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// wantedFiles are the hashes of what the pods should have loaded.
type wantedFiles struct {
	config map[string]string         // by entry of the ConfigMap
	users  map[int]map[string]string // by the number of shards, and by the names of files
}

// reconcileConfig sees to the configuration. It returns the hashes of the files
// that pods should have, by entry of the ConfigMap; none if too little is known to
// configure the first pod. What is missing stays as it was applied last, and
// everything else is in force at once.
func (p *pass) reconcileConfig(ctx context.Context, missing resources.Missing) (map[string]string, error) {
	spec := p.server.Config()
	p.noteLeftOut(spec)
	there, err := p.appliedConfigs(ctx)
	if err != nil {
		return nil, err
	}
	var last *config.Config
	if missing != (resources.Missing{}) {
		last = p.lastConfig(there)
	}
	wanted, known := resources.KeepLast(spec, last, missing)
	files := p.olderConfigs(there, spec, missing, known)
	if known {
		b, err := wanted.Marshal()
		if err != nil {
			return nil, conditions.Stalled(v1alpha1.ReasonInvalidConfiguration, "The server's configuration would not be valid: %s.", conditions.Cut(err.Error()))
		}
		files[p.server.ConfigKey()] = string(b)
	}
	if len(files) == 0 {
		return nil, nil
	}
	if err := p.put(ctx, p.server.ConfigMap(files)); err != nil {
		return nil, err
	}
	hashes := map[string]string{}
	for key, file := range files {
		hashes[key] = config.Hash([]byte(file))
	}
	return hashes, nil
}

// appliedConfigs are the entries of the ConfigMap.
func (p *pass) appliedConfigs(ctx context.Context) (map[string]string, error) {
	cm := &corev1.ConfigMap{}
	err := p.Get(ctx, client.ObjectKey{Namespace: p.server.Namespace, Name: resources.ConfigName(p.server.Name)}, cm)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading the ConfigMap: %w", err)
	}
	return cm.Data, nil
}

// lastConfig is the configuration that was applied last: that of the wanted pods, or
// else that of others that run; nil if there is none.
func (p *pass) lastConfig(there map[string]string) *config.Config {
	for _, key := range append([]string{p.server.ConfigKey()}, p.configKeys()...) {
		if last, err := config.Parse([]byte(there[key])); err == nil {
			return last
		}
	}
	return nil
}

// noteLeftOut tells what of the configuration the server will leave out.
func (p *pass) noteLeftOut(c *config.Config) {
	if c.SSH != nil {
		_, authorities := check.Authorities(c.SSH.TrustedUserCAKeys)
		_, algorithms := check.Algorithms(c.SSH.Algorithms)
		for _, l := range append(authorities, algorithms...) {
			field := strings.Replace(l.Field, "ssh.", "spec.protocols.sftp.", 1)
			p.note(conditions.Stalled(v1alpha1.ReasonInvalidConfiguration, "%s is left out: it %s. Correct or remove it.", field, conditions.Cut(l.Reason)))
		}
		if len(p.hostKeys.Files) > 0 && !p.hostKeys.Fit(c.SSH.Algorithms.HostKeys) {
			p.note(conditions.Stalled(v1alpha1.ReasonInvalidConfiguration, "No SSH host key is of the kinds in spec.protocols.sftp.algorithms.hostKeys, so no client can connect by SFTP: list one of these in spec.sshHostKeys.types, or add a key to your Secret, or another algorithm."))
		}
	}
	if c.TLS != nil {
		ids, suites := check.CipherSuites(c.TLS)
		for _, l := range suites {
			p.note(conditions.Stalled(v1alpha1.ReasonInvalidConfiguration, "spec.%s is left out: it %s. Correct or remove it.", l.Field, conditions.Cut(l.Reason)))
		}
		if leaf := p.tls.leaf; leaf != nil && !check.SuitesFit(leaf.PublicKeyAlgorithm, ids) {
			p.note(conditions.Stalled(v1alpha1.ReasonInvalidConfiguration, "No suite in spec.tls.cipherSuites fits the certificate, whose key is for %v, so clients that do not know TLS 1.3 cannot connect: add one that has the kind of the key in its name.", leaf.PublicKeyAlgorithm))
		}
	}
	if p.server.LeavesOutBan() {
		p.note(conditions.Stalled(v1alpha1.ReasonAddressesHidden, "spec.sessions.ban is left out: the exposure shows the server the address of a node in place of a client's, so wrong guesses of anybody would ban everybody. Set the externalTrafficPolicy under expose to Local, or proxyProtocolFrom, or set ban.duration to Never."))
	}
}

// olderConfigs are the configurations of pods that listen on other ports than
// the spec has now. What is hot is in force there too. Known is true if the
// configuration of the others is.
func (p *pass) olderConfigs(there map[string]string, wanted *config.Config, missing resources.Missing, known bool) map[string]string {
	files, newest := map[string]string{}, p.server.ConfigKey()
	for _, key := range p.configKeys() {
		if file, ok := there[key]; ok && (key != newest || !known) {
			files[key] = resources.OlderConfig(file, wanted, missing)
		}
	}
	return files
}

// configKeys are the entries of the ConfigMap that pods mount, or will.
func (p *pass) configKeys() []string {
	var keys []string
	for i := range p.deployments {
		keys = append(keys, configKey(&p.deployments[i].Spec.Template.Spec))
	}
	for i := range p.pods {
		keys = append(keys, configKey(&p.pods[i].Spec))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// configKey is the entry of the ConfigMap that a pod mounts.
func configKey(spec *corev1.PodSpec) string {
	for _, v := range spec.Volumes {
		if v.Name == config.VolumeConfig && v.ConfigMap != nil && len(v.ConfigMap.Items) == 1 {
			return v.ConfigMap.Items[0].Key
		}
	}
	return ""
}
