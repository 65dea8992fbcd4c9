package controllers_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func fileServer(ns, name string) *v1alpha1.FileServer {
	return &v1alpha1.FileServer{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
}

func user(ns, name, server string) *v1alpha1.FileServerUser {
	return &v1alpha1.FileServerUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
		Spec:       v1alpha1.FileServerUserSpec{ServerRef: v1alpha1.ServerReference{Name: server}},
	}
}

func TestAnEmptySpecBecomesAWholeServer(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	fs, alice := fileServer(ns, "files"), user(ns, "alice", "files")
	create(t, fs, alice)

	owned := map[string]client.Object{
		"files":               &corev1.Service{},
		"files-config":        &corev1.ConfigMap{},
		"files-users":         &corev1.Secret{},
		"files-ca":            &corev1.Secret{},
		"files-tls":           &corev1.Secret{},
		"files-ssh-host-keys": &corev1.Secret{},
		"files-0":             &appsv1.Deployment{},
	}
	for name, obj := range owned {
		if ref := metav1.GetControllerOf(get(t, ns, name, obj)); ref == nil || ref.UID != fs.UID {
			t.Errorf("%T %s would outlive the FileServer", obj, name)
		}
	}
	if ref := metav1.GetControllerOf(get(t, ns, "files", &networkingv1.NetworkPolicy{})); ref == nil || ref.UID != fs.UID {
		t.Error("the NetworkPolicy would outlive the FileServer")
	}
	if ref := metav1.GetControllerOf(get(t, ns, "alice-credentials", &corev1.Secret{})); ref == nil || ref.UID != alice.UID {
		t.Error("the credentials would outlive the user")
	}
	if claim := get(t, ns, "files-data", &corev1.PersistentVolumeClaim{}); len(claim.OwnerReferences) > 0 {
		t.Error("the claim would go with the FileServer")
	}
	if got := owned["files-0"].(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Image; got != serverImage {
		t.Errorf("the pods run %s, want %s", got, serverImage)
	}
	file := usersFile(t, ns, "files")
	if len(file.Users) != 1 || file.Users[0].Name != "alice" || file.Users[0].Home != "alice" {
		t.Errorf("the users' file has %+v; want alice", file.Users)
	}
}

// usersFile reads the users' file of a server.
func usersFile(t *testing.T, ns, server string) *config.Users {
	t.Helper()
	secret := get(t, ns, server+"-users", &corev1.Secret{})
	file, err := config.ParseUsers(secret.Data[config.UsersFile])
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// configFile reads the configuration of a server.
func configFile(t *testing.T, ns, server string) (*config.Config, error) {
	t.Helper()
	cm := get(t, ns, server+"-config", &corev1.ConfigMap{})
	if len(cm.Data) != 1 {
		return nil, fmt.Errorf("the ConfigMap has %d entries, want one", len(cm.Data))
	}
	for _, text := range cm.Data {
		return config.Parse([]byte(text))
	}
	panic("unreachable")
}

func TestStatusSaysWhereToConnect(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	fs := fileServer(c.ns, "files")
	create(t, fs)
	c.bind("files-data")

	notReady(t, fs, v1alpha1.ReasonProgressing, "The first pod is starting")
	reconciling(t, fs, v1alpha1.ReasonProgressing, "0 of 1 pods are ready")

	c.start("files-0", "")
	notReady(t, fs, v1alpha1.ReasonAddressPending, `The Service "files" has no address yet`)

	c.address("files", "198.51.100.7")
	ready(t, fs, v1alpha1.ReasonReady, "Clients can connect to 198.51.100.7 (ftp:21,ftps:990,sftp:22).")
	expect(t, fs, v1alpha1.ConditionReconciling, metav1.ConditionFalse, v1alpha1.ReasonReady)
	expect(t, fs, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonReady)

	want := []v1alpha1.Endpoint{
		{Name: "ftp", Address: "198.51.100.7", Port: 21, URL: "ftp://198.51.100.7:21"},
		{Name: "ftps", Address: "198.51.100.7", Port: 990, URL: "ftps://198.51.100.7:990"},
		{Name: "sftp", Address: "198.51.100.7", Port: 22, URL: "sftp://198.51.100.7:22"},
	}
	s := fs.Status
	if d := cmp.Diff(want, s.Endpoints); d != "" {
		t.Errorf("endpoints (-want +got):\n%s", d)
	}
	if s.PassivePorts != "50000-50039" || *s.Replicas != 1 || *s.ReadyReplicas != 1 || *s.Users != 0 || len(s.SSHHostKeys) != 2 {
		t.Errorf("the status is %+v", s)
	}
	cert := get(t, c.ns, "files-tls", &corev1.Secret{}).Data[config.TLSCertFile]
	if s.TLS == nil || s.TLS.SecretName != "files-tls" || s.TLS.Fingerprint != fingerprint(cert) || s.TLS.NotAfter.IsZero() {
		t.Errorf("the status of TLS is %+v", s.TLS)
	}
	block, _ := pem.Decode(cert)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"198.51.100.7", "files." + c.ns + ".svc.cluster.local"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	told, err := configFile(t, c.ns, "files")
	if err != nil || len(told.Passive.Advertise) != 1 || !slices.Equal(told.Passive.Advertise[0].Addresses, []string{"198.51.100.7"}) {
		t.Errorf("clients are told %+v (%v)", told, err)
	}
}

func TestWhatOthersChangeIsMended(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, fileServer(ns, "files"))
	svc := get(t, ns, "files", &corev1.Service{})
	update(t, svc, func() {
		svc.Spec.Ports = svc.Spec.Ports[:3]
		svc.Annotations["somebody"] = "else"
	})
	eventually(t, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(svc), svc); err != nil {
			return err
		}
		if len(svc.Spec.Ports) != 45 {
			return fmt.Errorf("the Service has %d ports, want 45", len(svc.Spec.Ports))
		}
		return nil
	})
	if svc.Annotations["somebody"] != "else" {
		t.Error("an annotation of somebody else's was removed")
	}
}

func TestWhatTheSpecGivesUpIsRemoved(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	fs := fileServer(ns, "files")
	fs.Spec.Expose.Annotations = map[string]string{"one": "1", "two": "2"}
	create(t, fs)
	svc := get(t, ns, "files", &corev1.Service{})
	update(t, fs, func() { fs.Spec.Expose.Annotations = map[string]string{"two": "2"} })
	eventually(t, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(svc), svc); err != nil {
			return err
		}
		if _, still := svc.Annotations["one"]; still || svc.Annotations["two"] != "2" {
			return fmt.Errorf("the annotations are %v", svc.Annotations)
		}
		return nil
	})
}

func TestScaleSubresource(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	fs := fileServer(c.ns, "files")
	create(t, fs)
	c.start("files-0", "")
	c.address("files", "198.51.100.8")
	ready(t, fs, v1alpha1.ReasonReady)

	scale := &autoscalingv1.Scale{}
	if err := api.SubResource("scale").Get(t.Context(), fs, scale); err != nil {
		t.Fatal(err)
	}
	if scale.Spec.Replicas != 1 || scale.Status.Replicas != 1 || scale.Status.Selector != "app.kubernetes.io/name=fileserver,fileserver.dev/server=files" {
		t.Errorf("the scale is %+v", scale)
	}
	// The operator may write the status meanwhile, which is a conflict.
	eventually(t, func() error {
		if err := api.SubResource("scale").Get(t.Context(), fs, scale); err != nil {
			return err
		}
		scale.Spec.Replicas = 3
		return api.SubResource("scale").Update(t.Context(), fs, client.WithSubResourceBody(scale))
	})
	c.have("files-0", "files-1", "files-2")

	scale.Spec.Replicas, scale.ResourceVersion = 5, ""
	if err := api.SubResource("scale").Update(t.Context(), fs, client.WithSubResourceBody(scale)); err == nil {
		t.Error("more replicas were taken than the passive range has slices for")
	}
}

func TestAnObjectOfSomebodyElsesIsLeftAlone(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "files-users"}, StringData: map[string]string{"a": "b"}}
	create(t, theirs)
	fs := fileServer(ns, "files")
	create(t, fs)
	isStalled(t, fs, v1alpha1.ReasonNameTaken, "Secret files-users", "rename or delete that object")
	if got := get(t, ns, "files-users", &corev1.Secret{}); string(got.Data["a"]) != "b" || len(got.Data) != 1 {
		t.Error("the Secret was changed")
	}
	if err := api.Delete(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	// Nobody tells the operator of it; it looks again after a while, or when
	// something else changes.
	update(t, fs, func() { fs.Spec.LogLevel = v1alpha1.LogDebug })
	expect(t, fs, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonReady)
}

func TestTheClaimIsFoundAgain(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	fs := fileServer(ns, "files")
	create(t, fs)
	before := get(t, ns, "files-data", &corev1.PersistentVolumeClaim{})
	get(t, ns, "files-0", &appsv1.Deployment{})
	if err := api.Delete(t.Context(), fs); err != nil {
		t.Fatal(err)
	}
	// Here is no garbage collector.
	for _, obj := range []client.Object{&corev1.Service{}, &corev1.ConfigMap{}, &corev1.Secret{}, &appsv1.Deployment{}, &networkingv1.NetworkPolicy{}} {
		if err := api.DeleteAllOf(t.Context(), obj, client.InNamespace(ns)); err != nil {
			t.Fatal(err)
		}
	}
	again := fileServer(ns, "files")
	create(t, again)
	get(t, ns, "files-0", &appsv1.Deployment{})
	expect(t, again, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonReady)
	if after := get(t, ns, "files-data", &corev1.PersistentVolumeClaim{}); after.UID != before.UID {
		t.Error("the claim is another one")
	}
}

func TestObjectsOfADeletedServerOfTheSameNameAreWaitedFor(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	first := fileServer(ns, "files")
	create(t, first)
	old := get(t, ns, "files-0", &appsv1.Deployment{})
	if err := api.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	second := fileServer(ns, "files")
	create(t, second)
	if got := get(t, ns, "files-0", &appsv1.Deployment{}); got.UID != old.UID || metav1.GetControllerOf(got).UID != first.UID {
		t.Error("an object of the deleted server was taken over")
	}
	for _, obj := range []client.Object{&corev1.Service{}, &corev1.ConfigMap{}, &corev1.Secret{}, &appsv1.Deployment{}, &networkingv1.NetworkPolicy{}} {
		if err := api.DeleteAllOf(t.Context(), obj, client.InNamespace(ns)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() error {
		d := &appsv1.Deployment{}
		if err := api.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "files-0"}, d); err != nil {
			return err
		}
		if ref := metav1.GetControllerOf(d); ref == nil || ref.UID != second.UID {
			return fmt.Errorf("the Deployment belongs to %v", ref)
		}
		return nil
	})
}
