package faults_test

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
	"github.com/fileserver-dev/fileserver-operator/test/fixture"
)

// config is that of the pods that run; they all mount the same entry.
func (w *world) config() *config.Config {
	w.t.Helper()
	var pods corev1.PodList
	cm := &corev1.ConfigMap{}
	w.must(w.client.List(w.t.Context(), &pods))
	if len(pods.Items) == 0 || !w.get(cm, "files-config") {
		w.t.Fatal("there is no pod with a configuration")
	}
	for _, v := range pods.Items[0].Spec.Volumes {
		if v.Name == config.VolumeConfig {
			c, err := config.Parse([]byte(cm.Data[v.ConfigMap.Items[0].Key]))
			w.must(err)
			return c
		}
	}
	w.t.Fatal("the pod mounts no configuration")
	return nil
}

// What the configuration needs that cannot be found is as it was, and a change of all
// else is in force at once.
func TestAHotChangeIsInForceWhateverElseCannotBeFound(t *testing.T) {
	t.Parallel()
	first := serving(t)
	before := first.objects()
	was := first.config()
	if len(was.Passive.Advertise) == 0 || len(was.SSH.HostKeyFiles) == 0 || was.Sessions.Ban.Failures == 0 || was.Passive.PeerCheck != config.PeerAddress {
		t.Fatalf("the test has nothing to lose: %+v", was)
	}
	for name, fails := range map[string]func(c call) bool{
		"the claim cannot be read":         func(c call) bool { return c == call{"get", "PersistentVolumeClaim", "files-data"} },
		"the claim cannot be applied":      func(c call) bool { return c == call{"apply", "PersistentVolumeClaim", "files-data"} },
		"the Service is refused":           func(c call) bool { return c == call{"apply", "Service", "files"} },
		"the host keys cannot be read":     func(c call) bool { return c == call{"get", "Secret", "files-ssh-host-keys"} },
		"the certificate cannot be read":   func(c call) bool { return c == call{"get", "Secret", "files-tls"} },
		"the Deployments are refused":      func(c call) bool { return c.verb == "apply" && c.kind == "Deployment" },
		"the NetworkPolicy is refused":     func(c call) bool { return c.verb == "apply" && c.kind == "NetworkPolicy" },
		"all of these, and all at once":    func(c call) bool { return c.verb == "apply" && c.kind != "ConfigMap" },
		"nothing that is not the server's": func(c call) bool { return c.kind == "PersistentVolumeClaim" || c.name == "files-ssh-host-keys" },
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			w := worldOf(t, before...)
			w.faults.fails = func(_ int, c call) bool { return fails(c) }
			w.change(func(spec *v1alpha1.FileServerSpec) {
				spec.Sessions.Max = 7
				spec.PodTemplate.Labels = map[string]string{"a": "b"} // which wants new pods, too
				spec.Expose.Annotations = map[string]string{"a": "b"}
			})
			_ = w.reconcile()
			got := w.config()
			if got.Sessions.Max != 7 {
				t.Error("the limit is not in force after one look")
			}
			if len(got.Passive.Advertise) == 0 || len(got.SSH.HostKeyFiles) != len(was.SSH.HostKeyFiles) || got.Sessions.Ban.Failures == 0 || got.Passive.PeerCheck != config.PeerAddress {
				t.Errorf("what was known before is lost: %+v", got)
			}
		})
	}
}

// The server's own authority issues for ECDSA.
func TestCipherSuitesThatDoNotFitTheCertificateAreSaid(t *testing.T) {
	t.Parallel()
	w := serving(t)
	w.change(func(spec *v1alpha1.FileServerSpec) {
		spec.TLS.CipherSuites = []string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}
	})
	w.expect("files", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidConfiguration, "No suite in spec.tls.cipherSuites fits the certificate, whose key is for ECDSA")
	w.expect("files", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	w.change(func(spec *v1alpha1.FileServerSpec) {
		spec.TLS.CipherSuites = append(spec.TLS.CipherSuites, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
	})
	w.converge(map[string]string{"files": v1alpha1.ReasonReady})
}

// A slot that is refused keeps none of the others from running.
func TestASlotThatFailsKeepsNoOtherFromRunning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	three := int32(3)
	w.change(func(spec *v1alpha1.FileServerSpec) { spec.Replicas = &three })
	w.faults.errs = func(c call) error {
		if (c == call{"apply", "Deployment", "files-0"}) {
			return apierrors.NewInternalError(errors.New(injected))
		}
		return nil
	}
	w.expect("files", v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRetrying, injected)
	var pods corev1.PodList
	w.must(w.client.List(t.Context(), &pods))
	if len(pods.Items) != 2 {
		t.Errorf("there are %d pods, want those of the slots that are not refused", len(pods.Items))
	}
}

// What is no authority is named and left out alone, and what cannot be read any more
// stays as it was.
func TestAuthoritiesOfClientCertificates(t *testing.T) {
	t.Parallel()
	authority, other := fixture.NewCertificate("partners"), fixture.NewCertificate("others")
	client := authority.Sign("alice")
	w := serving(t)
	required := func(c *config.Config, cas ...*fixture.Certificate) {
		t.Helper()
		if c.TLS.ClientAuth != config.ClientAuthRequired || len(c.TLS.ClientCAs) != len(cas) {
			t.Fatalf("in force is %+v, want %d authorities", c.TLS, len(cas))
		}
		for i, ca := range cas {
			if c.TLS.ClientCAs[i] != string(ca.CertPEM) {
				t.Errorf("authority %d is %s", i, c.TLS.ClientCAs[i])
			}
		}
	}
	before := w.config()
	w.change(func(spec *v1alpha1.FileServerSpec) {
		spec.TLS.ClientCertificates = &v1alpha1.ClientCertificates{
			Mode:            v1alpha1.ClientCertificateRequired,
			AuthoritiesFrom: v1alpha1.CertificateSource{Kind: v1alpha1.CertificatesInConfigMap, Name: "partners", Key: "ca.crt"},
		}
	})
	w.expect("files", v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonConfigMapNotFound,
		`The ConfigMap "partners" in tls.clientCertificates.authoritiesFrom does not exist`)
	required(w.config()) // of nobody, since nobody else is known

	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "partners"}, Data: map[string]string{
		"ca.crt": "# ours\n" + string(authority.CertPEM) + string(authority.KeyPEM) + string(client.CertPEM),
	}}
	w.must(w.client.Create(t.Context(), cm))
	w.expect("files", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidConfiguration,
		`Certificate 2 in the entry "ca.crt" of the ConfigMap "partners" in tls.clientCertificates.authoritiesFrom is left out`, "CN=alice", "no authority")
	required(w.config(), authority, client)

	cm.Data["ca.crt"] = string(other.CertPEM)
	w.must(w.client.Update(t.Context(), cm))
	w.converge(map[string]string{"files": v1alpha1.ReasonReady})
	required(w.config(), other)

	cm.Data["ca.crt"] = "nonsense"
	w.must(w.client.Update(t.Context(), cm))
	w.expect("files", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidConfiguration, `has no certificate in PEM format`)
	required(w.config(), other)
	w.delete(&corev1.ConfigMap{}, "partners")
	w.expect("files", v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonConfigMapNotFound)
	required(w.config(), other)

	w.must(w.client.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "partners"}, Data: map[string][]byte{"tls.crt": authority.CertPEM}}))
	w.change(func(spec *v1alpha1.FileServerSpec) {
		spec.TLS.ClientCertificates.AuthoritiesFrom = v1alpha1.CertificateSource{Kind: v1alpha1.CertificatesInSecret, Name: "partners", Key: "tls.crt"}
	})
	w.converge(map[string]string{"files": v1alpha1.ReasonReady})
	required(w.config(), authority)
	w.change(func(spec *v1alpha1.FileServerSpec) { spec.TLS.ClientCertificates = nil })
	w.converge(map[string]string{"files": v1alpha1.ReasonReady})
	if c := w.config(); c.TLS.ClientAuth != "" || len(c.TLS.ClientCAs) > 0 || c.ColdHash() != before.ColdHash() {
		t.Errorf("in force is %+v", c.TLS)
	}
}
