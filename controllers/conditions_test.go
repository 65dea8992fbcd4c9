package controllers_test

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// event tells something about an object, as Kubernetes' own controllers do.
func event(t *testing.T, obj client.Object, kind, reason, message string) {
	t.Helper()
	create(t, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: obj.GetNamespace(), GenerateName: "event-"},
		InvolvedObject: corev1.ObjectReference{Kind: kind, Namespace: obj.GetNamespace(), Name: obj.GetName(), UID: obj.GetUID()},
		Reason:         reason, Message: message, Type: corev1.EventTypeWarning, LastTimestamp: metav1.Now(),
	})
}

func TestAClaimThatStaysPendingIsReported(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	fs := fileServer(ns, "files")
	fs.Spec.Storage.Claim = &v1alpha1.Claim{StorageClassName: "nowhere"}
	create(t, fs)
	claim := get(t, ns, "files-data", &corev1.PersistentVolumeClaim{})
	event(t, claim, "PersistentVolumeClaim", "ProvisioningFailed", `storageclass.storage.k8s.io "nowhere" not found`)
	cluster{t, ns}.pod("files-0", "")
	notReady(t, fs, v1alpha1.ReasonClaimPending, `The PersistentVolumeClaim "files-data" has no volume yet (ProvisioningFailed): storageclass.storage.k8s.io "nowhere" not found.`)
}

func TestAClaimThatDoesNotExistIsReported(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	fs := fileServer(c.ns, "files")
	fs.Spec.Storage.ExistingClaim = "mine"
	create(t, fs)
	notReady(t, fs, v1alpha1.ReasonClaimNotFound, `The PersistentVolumeClaim "mine" in storage.existingClaim does not exist: create it, or name another one.`)
	c.stay()

	create(t, &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: "mine"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	})
	d := c.deployment("files-0")
	if d.Spec.Template.Spec.Affinity != nil || len(d.Spec.Template.Spec.TopologySpreadConstraints) != 2 {
		t.Error("with a volume for many nodes, the pods do not spread")
	}
}

func TestWhatKeepsAPodFromServingIsReported(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	fs := fileServer(c.ns, "files")
	create(t, fs)
	c.bind("files-data")
	pod := c.pod("files-0", "")

	c.status(pod, func(s *corev1.PodStatus) {
		s.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/3 nodes are available: 3 Insufficient cpu."}}
	})
	notReady(t, fs, v1alpha1.ReasonUnschedulable, fmt.Sprintf("No node takes the pod %q: 0/3 nodes are available: 3 Insufficient cpu.", pod.Name))
	reconciling(t, fs, v1alpha1.ReasonUnschedulable)

	waiting := func(reason, message string) func(*corev1.PodStatus) {
		return func(s *corev1.PodStatus) {
			s.Conditions = nil
			s.ContainerStatuses = []corev1.ContainerStatus{{Name: "fileserver", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}
		}
	}
	c.status(pod, waiting("ImagePullBackOff", "Back-off pulling image: not found"))
	notReady(t, fs, v1alpha1.ReasonImagePullFailed, `The image "`+serverImage+`" cannot be pulled: Back-off pulling image: not found; correct spec.image`)

	c.status(pod, waiting("CreateContainerConfigError", `secret "x" not found`))
	notReady(t, fs, v1alpha1.ReasonMountFailed, `cannot start (CreateContainerConfigError): secret "x" not found`)

	c.status(pod, func(s *corev1.PodStatus) {
		waiting("CrashLoopBackOff", "back-off 10s restarting failed container")(s)
		s.ContainerStatuses[0].RestartCount = 4
		s.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", Message: "starting\nbinding port 21: permission denied\n"}
	})
	notReady(t, fs, v1alpha1.ReasonCrashLooping, "ended 4 times: exit code 1, binding port 21: permission denied.")
	isStalled(t, fs, v1alpha1.ReasonCrashLooping)
	expect(t, fs, v1alpha1.ConditionReconciling, metav1.ConditionFalse, v1alpha1.ReasonCrashLooping)

	c.serve(pod)
	c.address("files", "198.51.100.30")
	ready(t, fs, v1alpha1.ReasonReady)

	eventually(t, func() error {
		var list eventsv1.EventList
		if err := api.List(t.Context(), &list, client.InNamespace(c.ns)); err != nil {
			return err
		}
		told := map[string]string{}
		for _, e := range list.Items {
			if e.Regarding.Kind == "FileServer" {
				told[e.Reason] = e.Type
			}
		}
		if told[v1alpha1.ReasonCrashLooping] != corev1.EventTypeWarning || told[v1alpha1.ReasonReady] != corev1.EventTypeNormal {
			return fmt.Errorf("the events are %v", told)
		}
		return nil
	})
}

func TestAMissingCertificateIsReported(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	fs := fileServer(c.ns, "files")
	fs.Spec.TLS.SecretRef = &v1alpha1.SecretReference{Name: "mine"}
	create(t, fs)
	notReady(t, fs, v1alpha1.ReasonSecretNotFound, `The Secret "mine" in tls.secretRef does not exist: create it with type kubernetes.io/tls`)
	reconciling(t, fs, v1alpha1.ReasonSecretNotFound)
	c.stay() // a pod would only wait for the Secret

	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: "mine"}, StringData: map[string]string{"tls.crt": "x", "tls.key": "y"}}
	create(t, secret)
	isStalled(t, fs, v1alpha1.ReasonSecretInvalid, `The Secret "mine" with the certificate cannot be used: tls.crt and tls.key are not a certificate and its key in PEM`)

	ca, err := resources.IssueCA(c.ns, "files", now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := resources.IssueCertificate(ca, []string{"ftp.example.com"}, now())
	if err != nil {
		t.Fatal(err)
	}
	update(t, secret, func() {
		secret.Data = map[string][]byte{"tls.crt": pair.Certificate, "tls.key": pair.Key, "ca.crt": ca.Certificate}
	})
	c.start("files-0", "")
	c.address("files", "198.51.100.31")
	ready(t, fs, v1alpha1.ReasonReady)
	if fs.Status.TLS.SecretName != "mine" || fs.Status.TLS.Fingerprint != fingerprint(pair.Certificate) {
		t.Errorf("the status of TLS is %+v", fs.Status.TLS)
	}
}

func TestMissingHostKeysAreReported(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	fs := fileServer(c.ns, "files")
	fs.Spec.SSHHostKeys.SecretRef = &v1alpha1.SecretReference{Name: "mine"}
	create(t, fs)
	notReady(t, fs, v1alpha1.ReasonSecretNotFound, `The Secret "mine" in sshHostKeys.secretRef does not exist`)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: "mine"}, StringData: map[string]string{"key": "x"}}
	create(t, secret)
	isStalled(t, fs, v1alpha1.ReasonSecretInvalid, `The Secret "mine" with the SSH host keys cannot be used: "key" is no private key`)

	keys, err := resources.GenerateHostKeys(nil, []v1alpha1.SSHHostKeyType{v1alpha1.SSHHostKeyEd25519}, nil)
	if err != nil {
		t.Fatal(err)
	}
	update(t, secret, func() { secret.Data = map[string][]byte{"mykey": keys["ssh_host_ed25519_key"]} })
	c.deployment("files-0")
	eventually(t, func() error {
		cfg, err := configFile(t, c.ns, "files")
		if err == nil && (len(cfg.SSH.HostKeyFiles) != 1 || cfg.SSH.HostKeyFiles[0] != "/etc/fileserver/ssh/mykey") {
			err = fmt.Errorf("the host keys are %v", cfg.SSH.HostKeyFiles)
		}
		return err
	})
}

func TestWhatTheServerWillLeaveOutIsNamed(t *testing.T) {
	t.Parallel()
	c, fs := serving(t)
	update(t, fs, func() {
		served := fs.Spec.ServedProtocols()
		fs.Spec.Protocols = &served
		served.SFTP.TrustedUserCAKeys = []string{"ssh-ed25519 AAAA"} // a key by its looks
		served.SFTP.Algorithms = &v1alpha1.SSHAlgorithms{HostKeys: []string{"ssh-dss"}}
	})
	isStalled(t, fs, v1alpha1.ReasonInvalidConfiguration,
		"spec.protocols.sftp.trustedUserCAKeys[0] is left out: it is no public key in OpenSSH's format.",
		"No SSH host key is of the kinds in spec.protocols.sftp.algorithms.hostKeys")
	ready(t, fs, v1alpha1.ReasonReady)
	eventually(t, func() error {
		cfg, err := configFile(t, c.ns, "files")
		if err == nil && len(cfg.SSH.TrustedUserCAKeys) != 1 {
			err = errors.New("the change is not in the configuration")
		}
		return err
	})
}

// Clients pin the keys that the credentials name.
func TestHostKeysThatWereRotatedArePushedToThePods(t *testing.T) {
	t.Parallel()
	c, fs := serving(t)
	ready(t, fs, v1alpha1.ReasonReady)
	var list corev1.PodList
	if err := api.List(t.Context(), &list, client.InNamespace(c.ns)); err != nil {
		t.Fatal(err)
	}
	pod := &list.Items[0]
	old, err := c.newest(pod)
	if err != nil || len(old.HostKeys) != 2 {
		t.Fatalf("the pod has %+v, %v", old, err)
	}
	bumped := func() (string, error) {
		err := api.Get(t.Context(), client.ObjectKeyFromObject(pod), pod)
		return pod.Annotations[v1alpha1.AnnotationRefresh], err
	}
	before, err := bumped()
	if err != nil {
		t.Fatal(err)
	}
	pods.answer(pod, func() (config.Loaded, error) { return old, nil })
	secret := get(t, c.ns, "files-ssh-host-keys", &corev1.Secret{})
	update(t, secret, func() { delete(secret.Data, "ssh_host_ed25519_key") })
	eventually(t, func() error {
		if now, err := bumped(); err != nil || now == before {
			return fmt.Errorf("the pod is not told to look (%w)", err)
		}
		return nil
	})
}

func TestWhatTheClusterRefusesIsReported(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	fs := fileServer(ns, "files")
	fs.Spec.PodTemplate.Labels = map[string]string{"not a label": "x"}
	create(t, fs)
	isStalled(t, fs, v1alpha1.ReasonApplyRefused, "Deployment files-0", "not a label")
}

func TestAServerWhoseChangeIsRefusedGoesOnAsItWas(t *testing.T) {
	t.Parallel()
	_, fs := serving(t)
	before := fs.Status.DeepCopy()
	update(t, fs, func() { fs.Spec.Expose.Annotations = map[string]string{"not an annotation": "x"} })
	isStalled(t, fs, v1alpha1.ReasonApplyRefused, "Service files", "not an annotation")
	ready(t, fs, v1alpha1.ReasonReady)
	if fs.Status.Address != before.Address || len(fs.Status.SSHHostKeys) != 2 || fs.Status.TLS == nil {
		t.Errorf("the status lost something: %+v", fs.Status)
	}
	update(t, fs, func() { fs.Spec.Expose.Annotations = nil })
	expect(t, fs, v1alpha1.ConditionStalled, metav1.ConditionFalse, v1alpha1.ReasonReady)
}

// The files of a volume belong to somebody else, as on NFS: the server finds out,
// and whoever looks at the user or the server is told what to set.
func TestAVolumeOfSomebodyElseIsReported(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	fs, u := fileServer(c.ns, "files"), user(c.ns, "acme", "files")
	create(t, fs, u)
	pod := c.start("files-0", "")
	c.address("files", "198.51.100.32")
	was := pod.DeepCopy()
	denied := config.Denied{User: "acme", Folder: "/", To: config.FolderMake, Owner: 1000, Group: 1000, Mode: "0755", AsUser: 65532, AsGroup: 65532}
	pods.answer(pod, func() (config.Loaded, error) {
		loaded, err := c.newest(was)
		loaded.Denied = []config.Denied{denied}
		return loaded, err
	})
	update(t, u, func() { u.Spec.Access = v1alpha1.UserReadOnly }) // the pod is asked
	notReady(t, u, v1alpha1.ReasonVolumeDenied, `the folder "/" of the volume`, "belongs to user 1000 and group 1000", "{runAsUser: 1000, runAsGroup: 1000}")
	isStalled(t, fs, v1alpha1.ReasonVolumeDenied, "belongs to user 1000 and group 1000")

	pods.answer(pod, func() (config.Loaded, error) { return c.newest(was) })
	update(t, u, func() { u.Spec.Access = v1alpha1.UserReadWrite })
	ready(t, u, v1alpha1.ReasonLoaded)
	ready(t, fs, v1alpha1.ReasonReady)
}

// A bucket refuses what the server has to do: a pod finds out, and whoever looks at the
// server is told which request it is.
func TestABucketThatRefusesARequestIsReported(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	fs := fileServer(c.ns, "files")
	fs.Spec.Storage.Bucket = &v1alpha1.Bucket{Name: "partner-files", CredentialsSecretRef: &v1alpha1.SecretReference{Name: "keys"}}
	create(t, fs)
	pod := c.start("files-0", "")
	c.address("files", "198.51.100.33")
	was := pod.DeepCopy()
	pods.answer(pod, func() (config.Loaded, error) {
		loaded, err := c.newest(was)
		loaded.Bucket = &config.BucketFault{Call: "PutObject", Code: "AccessDenied", Refused: true}
		return loaded, err
	})
	update(t, fs, func() { fs.Spec.Sessions.Max = 7 }) // the pod is asked
	reconciling(t, fs, v1alpha1.ReasonBucketDenied, `refuses PutObject on the bucket "partner-files"`, `the Secret "keys"`)
	claims := &corev1.PersistentVolumeClaimList{}
	if err := api.List(t.Context(), claims, client.InNamespace(c.ns)); err != nil || len(claims.Items) > 0 {
		t.Errorf("%d claims were made, %v", len(claims.Items), err)
	}

	pods.answer(pod, func() (config.Loaded, error) { return c.newest(was) })
	update(t, fs, func() { fs.Spec.Sessions.Max = 8 })
	ready(t, fs, v1alpha1.ReasonReady)
}

func TestAPausedServerIsLeftAsItIsAndSaysSo(t *testing.T) {
	t.Parallel()
	c, fs := serving(t)
	ready(t, fs, v1alpha1.ReasonReady)
	update(t, fs, func() { fs.Annotations = map[string]string{v1alpha1.AnnotationPaused: "true"} })
	expect(t, fs, v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPaused, "remove the annotation fileserver.dev/paused")
	before, err := configFile(t, c.ns, "files")
	if err != nil {
		t.Fatal(err)
	}
	update(t, fs, func() { fs.Spec.Sessions.Max = int32(before.Sessions.Max) + 7 })
	eventually(t, func() error { // the operator has looked at the change
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(fs), fs); err != nil {
			return err
		}
		if p := meta.FindStatusCondition(fs.Status.Conditions, v1alpha1.ConditionPaused); p == nil || p.ObservedGeneration != fs.Generation {
			return fmt.Errorf("the condition is %+v", p)
		}
		return nil
	})
	if after, err := configFile(t, c.ns, "files"); err != nil || after.Sessions.Max != before.Sessions.Max {
		t.Errorf("a change was made all the same: %+v, %v", after, err)
	}
	if ptr.Deref(fs.Status.ObservedGeneration, 0) == fs.Generation {
		t.Error("the status says that the change is in force")
	}

	update(t, fs, func() { delete(fs.Annotations, v1alpha1.AnnotationPaused) })
	eventually(t, func() error {
		after, err := configFile(t, c.ns, "files")
		if err == nil && after.Sessions.Max != before.Sessions.Max+7 {
			err = errors.New("the change is not made")
		}
		return err
	})
	eventually(t, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(fs), fs); err != nil {
			return err
		}
		if meta.FindStatusCondition(fs.Status.Conditions, v1alpha1.ConditionPaused) != nil {
			return errors.New("the condition is still there")
		}
		return nil
	})
}
