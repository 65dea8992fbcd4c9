package faults_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// serving is a world in which all is as it should be.
func serving(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.converge(map[string]string{"files": v1alpha1.ReasonReady})
	return w
}

// expect has the operator look, a few times at most, until an object has a
// condition.
func (w *world) expect(name, kind string, status metav1.ConditionStatus, reason string, says ...string) {
	w.t.Helper()
	var c *metav1.Condition
	for range 5 {
		_ = w.reconcile()
		c = meta.FindStatusCondition(w.said()[name], kind)
		if c != nil && c.Status == status && c.Reason == reason && c.ObservedGeneration == w.generation(name) {
			for _, s := range says {
				if !strings.Contains(c.Message, s) {
					w.t.Errorf("%s of %s says: %s\nwant in it: %s", kind, name, c.Message, s)
				}
			}
			return
		}
	}
	w.t.Fatalf("%s of %s is %+v, want %s %s", kind, name, c, status, reason)
}

func (w *world) delete(o client.Object, name string) {
	w.t.Helper()
	if w.get(o, name) {
		w.must(w.client.Delete(w.t.Context(), o))
	}
}

// People who sync Secrets from elsewhere have them deleted and made again
// (external-secrets#4297).
func TestASecretThatIsGoneKeepsThePasswordThatWasLastGood(t *testing.T) {
	t.Parallel()
	w := serving(t)
	hash := w.account("bob").PasswordHash
	w.delete(&corev1.Secret{}, "bobs")
	w.expect("bob", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound, `The Secret "bobs" in password.secretRef does not exist`, "what was read last, stays in force")
	if a := w.account("bob"); a == nil || a.PasswordHash != hash {
		t.Errorf("without its Secret, the account is %+v", a)
	}
	secret := &corev1.Secret{}
	if w.get(secret, "bob-credentials"); string(secret.Data["password"]) != "first" {
		t.Error("the credentials have lost the password")
	}

	// An operator that has just started knows no less.
	again := worldOf(t, w.objects()...)
	again.expect("bob", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound)
	if a := again.account("bob"); a == nil || a.PasswordHash != hash {
		t.Errorf("after a restart, the account is %+v", a)
	}

	// What refuses a user always wins.
	w.suspend("bob")
	w.expect("bob", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSuspended)
	if a := w.account("bob"); a == nil || !a.Suspended {
		t.Errorf("a suspension without the Secret leaves %+v", a)
	}
	w.must(w.client.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "bobs"}, Data: map[string][]byte{"password": []byte("second")}}))
	w.expect("bob", v1alpha1.ConditionReconciling, metav1.ConditionFalse, v1alpha1.ReasonReady)
	if a := w.account("bob"); a == nil || a.PasswordHash == hash {
		t.Errorf("with a new Secret, the account is %+v", a)
	}
}

func TestAUserWhoIsMadeAnewInheritsNothing(t *testing.T) {
	t.Parallel()
	w := serving(t)
	w.delete(&corev1.Secret{}, "bobs")
	old := &v1alpha1.FileServerUser{}
	w.delete(old, "bob")
	young := &v1alpha1.FileServerUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "bob", UID: "u-9", Generation: 1}, Spec: old.Spec}
	w.must(w.client.Create(t.Context(), young))
	w.expect("bob", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound)
	if a := w.account("bob"); a != nil {
		t.Errorf("a user of the same name is given the account %+v", a)
	}
}

func TestAUserWhoIsRemovedGoesWhateverItsSecretsAre(t *testing.T) {
	t.Parallel()
	w := serving(t)
	w.delete(&corev1.Secret{}, "bobs")
	w.delete(&v1alpha1.FileServerUser{}, "bob")
	_ = w.reconcile()
	if a := w.account("bob"); a != nil {
		t.Errorf("a user who was removed has the account %+v", a)
	}
}

func TestAnotherSourceIsNotServedByWhatWasLastGood(t *testing.T) {
	t.Parallel()
	w := serving(t)
	bob := &v1alpha1.FileServerUser{}
	w.get(bob, "bob")
	bob.Spec.Password.SecretRef.Name = "elsewhere"
	bob.Generation++
	w.must(w.client.Update(t.Context(), bob))
	w.expect("bob", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound, `"elsewhere"`)
	if a := w.account("bob"); a != nil {
		t.Errorf("the password of another Secret goes on to open %+v", a)
	}
}

func TestOneBadKeyAmongGoodOnesIsNamedAndLeftOutAlone(t *testing.T) {
	t.Parallel()
	w := serving(t)
	cm := &corev1.ConfigMap{}
	w.get(cm, "carols")
	cm.Data["authorized_keys"] = publicKey + "\n---- BEGIN SSH2 PUBLIC KEY ----\ncommand=\"rm -rf /\" " + publicKey + "\n"
	w.must(w.client.Update(t.Context(), cm))
	w.expect("carol", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonKeyInvalid,
		`Key 2 of entry "authorized_keys" of the ConfigMap "carols" is no public key`, `Key 3 of entry "authorized_keys" of the ConfigMap "carols" has the option "command"`)
	if a := w.account("carol"); a == nil || len(a.AuthorizedKeys) != 1 {
		t.Errorf("the account is %+v, want one key", a)
	}
	w.delete(cm, "carols")
	w.expect("carol", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonConfigMapNotFound)
	if a := w.account("carol"); a == nil || len(a.AuthorizedKeys) != 1 {
		t.Errorf("without the ConfigMap, the account is %+v, want one key", a)
	}
}

func TestNodePortsThatRanOutAreACondition(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults.errs = func(c call) error {
		if c.verb == "apply" && c.kind == "Service" {
			// As the API server says it (pkg/registry/core/service/storage/alloc.go).
			return apierrors.NewInternalError(errors.New("failed to allocate a nodePort: range is full"))
		}
		return nil
	}
	w.expect("files", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNodePortsExhausted, "no node ports left", "narrow passive.ports")
}

func TestWhatADeletedServerLeftIsAConditionUntilItIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	left := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: "files-config", UID: "left", Labels: resources.Labels("files"), Finalizers: []string{"example.com/slow"},
	}}
	w.must(w.client.Create(t.Context(), left), w.client.Delete(t.Context(), left))
	w.expect("files", v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonLeftover, "ConfigMap files-config", "look at its finalizers")
	w.get(left, "files-config")
	left.Finalizers = nil
	w.must(w.client.Update(t.Context(), left))
	w.converge(map[string]string{"files": v1alpha1.ReasonReady})
}

func TestListsOfTheStatusAreCutAndSaySo(t *testing.T) {
	t.Parallel()
	w := serving(t)
	svc := &corev1.Service{}
	w.get(svc, "files")
	svc.Status.LoadBalancer.Ingress = nil
	for i := range 30 {
		svc.Status.LoadBalancer.Ingress = append(svc.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: fmt.Sprintf("198.51.100.%d", i+1)})
	}
	w.must(w.client.Status().Update(t.Context(), svc))
	keys := &corev1.Secret{}
	w.get(keys, "files-ssh-host-keys")
	for i := range 20 {
		keys.Data[fmt.Sprintf("more-%d", i)] = keys.Data["ssh_host_ed25519_key"]
	}
	w.must(w.client.Update(t.Context(), keys))
	w.expect("files", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
	fs := &v1alpha1.FileServer{}
	w.get(fs, "files")
	if len(fs.Status.Endpoints) != 64 || len(fs.Status.SSHHostKeys) != 16 {
		t.Errorf("the status has %d endpoints and %d host keys, want 64 and 16", len(fs.Status.Endpoints), len(fs.Status.SSHHostKeys))
	}
	w.expect("files", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady,
		"There are 90 status.endpoints, of which the status lists 64.", "There are 22 status.sshHostKeys, of which the status lists 16.")
}

func TestAccessModesThatCannotBecomeTrueAreSaid(t *testing.T) {
	t.Parallel()
	w := serving(t)
	w.change(func(spec *v1alpha1.FileServerSpec) {
		spec.Storage.Claim = &v1alpha1.Claim{Size: spec.Storage.WantedClaim().Size, AccessModes: []v1alpha1.AccessMode{"ReadWriteMany"}}
	})
	w.expect("files", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonClaimDiffers, `"files-data" has the access modes [ReadWriteOnce]`)
	w.expect("files", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady)
}

func TestWhatWasReadOfUsersThatAreGoneIsForgotten(t *testing.T) {
	t.Parallel()
	w := serving(t)
	old := &v1alpha1.FileServerUser{}
	w.delete(old, "bob")
	_ = w.reconcile()
	w.must(w.client.Create(t.Context(), &v1alpha1.FileServerUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "bob", UID: "u-9", Generation: 1}, Spec: old.Spec}))
	before := len(w.faults.calls)
	w.expect("bob", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonLoaded)
	if !slices.Contains(w.faults.calls[before:], call{"get", "Secret", "bobs"}) {
		t.Error("the content of the Secret of a user that was gone was still known")
	}
}

func TestALongTextOfOthersFitsTheStatus(t *testing.T) {
	t.Parallel()
	w := serving(t)
	long := strings.Repeat("é", 50_000)
	w.answer = func(l config.Loaded) (config.Loaded, error) {
		return config.Loaded{Config: l.Config, TLS: l.TLS, HostKeys: l.HostKeys, Error: long}, nil
	}
	w.suspend("bob")
	w.expect("files", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonConfigurationRefused)
	w.answer = func(config.Loaded) (config.Loaded, error) { return config.Loaded{}, errors.New(long) }
	w.suspend("bob")
	w.expect("bob", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLoading)
	for name, conditions := range w.said() {
		for _, c := range conditions {
			if len(c.Message) > 8*1024 {
				t.Errorf("%s of %s says %d bytes", c.Type, name, len(c.Message))
			}
		}
	}
}

func TestOnlyThoseInTheFileAreCounted(t *testing.T) {
	t.Parallel()
	w := serving(t)
	dave := &v1alpha1.FileServerUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "dave", UID: types.UID("u-4"), Generation: 1}}
	dave.Spec.ServerRef.Name = "files"
	dave.Spec.Password = &v1alpha1.Password{SecretRef: &v1alpha1.PasswordReference{Name: "nowhere", Key: "password"}}
	w.must(w.client.Create(t.Context(), dave))
	w.expect("dave", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound)
	fs := &v1alpha1.FileServer{}
	if w.get(fs, "files"); *fs.Status.Users != 3 {
		t.Errorf("the status counts %d users, want the 3 who can log in", *fs.Status.Users)
	}
}

// With the error of an API server that is refused goes no content of a Secret.
func TestNoConditionTellsWhatIsInASecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults.errs = func(c call) error {
		if c.verb == "apply" && c.kind == "Secret" {
			return apierrors.NewBadRequest("admission webhook denied it: first-and-secret")
		}
		return nil
	}
	w.expect("files", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonApplyRefused, "Secret files-users")
	w.expect("alice", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonApplyRefused, "Secret alice-credentials")
	for name, conditions := range w.said() {
		for _, c := range conditions {
			if strings.Contains(c.Message, "secret") {
				t.Errorf("%s of %s says: %s", c.Type, name, c.Message)
			}
		}
	}
}
