package controllers_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-crypt/crypt"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/controllers"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFCEsxMoU9biB+285fWtQs+KyJbFHIH1UBFKvdZRzhK0 somebody"

// serving is a server whose one pod serves.
func serving(t *testing.T) (cluster, *v1alpha1.FileServer) {
	t.Helper()
	c := cluster{t, namespace(t)}
	fs := fileServer(c.ns, "files")
	create(t, fs)
	c.start("files-0", "")
	c.address("files", "198.51.100.20")
	ready(t, fs, v1alpha1.ReasonReady)
	return c, fs
}

// account waits until the users' file has an account that is as it should be.
func account(t *testing.T, ns, name string, check func(config.User) error) {
	t.Helper()
	eventually(t, func() error {
		for _, u := range usersFile(t, ns, "files").Users {
			if u.Name == name {
				return check(u)
			}
		}
		return fmt.Errorf("%s is not in the users' file", name)
	})
}

func hasPassword(password string) func(config.User) error {
	return func(u config.User) error {
		if ok, err := crypt.CheckPassword(password, u.PasswordHash); !ok {
			return fmt.Errorf("the password does not match the hash %s: %w", u.PasswordHash, errors.Join(err))
		}
		return nil
	}
}

func TestAGeneratedPasswordWorksAndIsInTheCredentials(t *testing.T) {
	t.Parallel()
	c, _ := serving(t)
	u := user(c.ns, "alice", "files")
	create(t, u)
	ready(t, u, v1alpha1.ReasonLoaded, "The user can log in.")
	if u.Status.Username != "alice" || u.Status.Binding == nil || u.Status.Binding.Name != "alice-credentials" {
		t.Errorf("the status is %+v", u.Status)
	}
	secret := get(t, c.ns, "alice-credentials", &corev1.Secret{})
	password := string(secret.Data["password"])
	account(t, c.ns, "alice", hasPassword(password))
	for key, want := range map[string]string{
		"type": "sftp", "provider": "fileserver-operator", "host": "198.51.100.20", "port": "22", "username": "alice",
		"uri": "sftp://alice:" + password + "@198.51.100.20:22",
	} {
		if got := string(secret.Data[key]); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if !strings.HasPrefix(string(secret.Data["ca.crt"]), "-----BEGIN CERTIFICATE-----") || !strings.HasPrefix(string(secret.Data["known_hosts"]), "198.51.100.20 ssh-ed25519 ") {
		t.Error("ca.crt or known_hosts is missing")
	}

	// Deleting the entry is how to get another one.
	update(t, secret, func() { delete(secret.Data, "password") })
	eventually(t, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
			return err
		}
		if p := string(secret.Data["password"]); p == "" || p == password {
			return errors.New("there is no new password")
		}
		return nil
	})
	account(t, c.ns, "alice", hasPassword(string(secret.Data["password"])))
}

// Between the operator's reading of the credentials and its writing, others may
// change them.
func TestAPasswordThatIsDeletedMeanwhileStaysDeleted(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*testing.T, *corev1.Secret){
		"the entry": func(t *testing.T, s *corev1.Secret) { update(t, s, func() { delete(s.Data, "password") }) },
		"the Secret": func(t *testing.T, s *corev1.Secret) {
			if err := api.Delete(t.Context(), s); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cluster{t, bareNamespace(t)}
			var meanwhile atomic.Pointer[func()]
			cfg := rest.CopyConfig(operatorConfig)
			cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					if r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/alice-credentials") {
						if f := meanwhile.Swap(nil); f != nil {
							(*f)()
						}
					}
					return next.RoundTrip(r)
				})
			})
			stop, err := startOperator(cfg, controllers.Options{Image: serverImage, Pods: pods, Namespaces: []string{c.ns}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(stop)
			fs, alice := fileServer(c.ns, "files"), user(c.ns, "alice", "files")
			create(t, fs, alice)
			c.start("files-0", "")
			c.address("files", "198.51.100.21")
			ready(t, alice, v1alpha1.ReasonLoaded)
			secret := get(t, c.ns, "alice-credentials", &corev1.Secret{})
			password := string(secret.Data["password"])

			changed := secret.DeepCopy()
			f := func() { change(t, changed) }
			meanwhile.Store(&f)
			c.address("files", "198.51.100.22") // the credentials name it
			eventually(t, func() error {
				if err := api.Get(t.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
					return err
				}
				if host := string(secret.Data["host"]); host != "198.51.100.22" {
					return fmt.Errorf("the host is %q", host)
				}
				return nil
			})
			if meanwhile.Load() != nil {
				t.Fatal("nothing was changed meanwhile")
			}
			if got := string(secret.Data["password"]); got == "" || got == password {
				t.Errorf("the password is %q, and was %q", got, password)
			}
			account(t, c.ns, "alice", hasPassword(string(secret.Data["password"])))
		})
	}
}

func TestAChosenPassword(t *testing.T) {
	t.Parallel()
	c, _ := serving(t)
	u := user(c.ns, "bob", "files")
	u.Spec.Password = &v1alpha1.Password{SecretRef: &v1alpha1.PasswordReference{Name: "bobs"}}
	create(t, u)
	notReady(t, u, v1alpha1.ReasonSecretNotFound, `The Secret "bobs" in password.secretRef does not exist`)

	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: "bobs"}, StringData: map[string]string{"passwort": "x"}}
	create(t, secret)
	notReady(t, u, v1alpha1.ReasonSecretNotFound, `has no entry "password"`)

	update(t, secret, func() { secret.Data = map[string][]byte{"password": []byte("first\n")} })
	ready(t, u, v1alpha1.ReasonLoaded)
	account(t, c.ns, "bob", hasPassword("first"))
	if got := get(t, c.ns, "bob-credentials", &corev1.Secret{}); string(got.Data["password"]) != "first" {
		t.Error("the password is not in the credentials")
	}

	update(t, secret, func() { secret.Data["password"] = []byte("second") })
	account(t, c.ns, "bob", hasPassword("second"))

	for text, want := range map[string]string{"$1$salt$5PFvHdEfvkVbSw.gqrAkv0": "unknown kind of hash", "$6$salt$abcdef": "cut short"} {
		update(t, secret, func() { secret.Data["password"] = []byte(text) })
		isStalled(t, u, v1alpha1.ReasonSecretInvalid, `The entry "password" of the Secret "bobs" cannot be the password`, want)
		account(t, c.ns, "bob", hasPassword("second")) // and not the text of the hash
	}

	const hash = "$6$rounds=5000$decoydecoydecoyd$bXyXBGvBrVeCNsShKVJVjCLLRBRyMVNAqMpnWAwB3HJYAfOHVN0vDcnkQyzJhE4yRj9fiAzbqhcmvjbUCPhXS0"
	update(t, secret, func() { secret.Data["password"] = []byte(hash) })
	account(t, c.ns, "bob", func(u config.User) error {
		if u.PasswordHash != hash {
			return fmt.Errorf("the hash is %s", u.PasswordHash)
		}
		return nil
	})
	eventually(t, func() error {
		if got := get(t, c.ns, "bob-credentials", &corev1.Secret{}); len(got.Data["password"]) > 0 {
			return errors.New("there is still a password in the credentials, although only its hash is known")
		}
		return nil
	})
}

func TestAuthorizedKeys(t *testing.T) {
	t.Parallel()
	c, _ := serving(t)
	u := user(c.ns, "carol", "files")
	u.Spec.AuthorizedKeys = []string{publicKey}
	u.Spec.AuthorizedKeysFrom = []v1alpha1.KeySource{{Name: "keys"}}
	create(t, u)
	notReady(t, u, v1alpha1.ReasonConfigMapNotFound, `The ConfigMap "keys" in authorizedKeysFrom does not exist`)

	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: "keys"}, Data: map[string]string{"authorized_keys": "# mine\n\n" + publicKey + "\nnonsense\n"}}
	create(t, cm)
	isStalled(t, u, v1alpha1.ReasonKeyInvalid, `Key 2 of entry "authorized_keys" of the ConfigMap "keys" is no public key: correct or remove it.`)

	update(t, cm, func() { cm.Data["authorized_keys"] = "# mine\n" + publicKey + "2\n" })
	ready(t, u, v1alpha1.ReasonLoaded)
	account(t, c.ns, "carol", func(u config.User) error {
		if len(u.AuthorizedKeys) != 2 || u.PasswordHash != "" {
			return fmt.Errorf("the account has %d keys and the hash %q; want 2 keys and no password", len(u.AuthorizedKeys), u.PasswordHash)
		}
		return nil
	})
	if got := get(t, c.ns, "carol-credentials", &corev1.Secret{}); len(got.Data["password"]) > 0 || len(got.Data["uri"]) == 0 {
		t.Error("the credentials of a user with keys alone have a password, or no uri")
	}
}

// Keys are copied from servers that know more options, and without options they
// would do more than whoever wrote the line has meant.
func TestAKeyWhoseOptionsCannotBeKeptIsNamedAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	c, _ := serving(t)
	u := user(c.ns, "judy", "files")
	u.Spec.AuthorizedKeys = []string{publicKey, `from="*.example.com" ` + publicKey, `command="rrsync" ` + publicKey}
	create(t, u)
	isStalled(t, u, v1alpha1.ReasonKeyInvalid,
		`Key 2 of authorizedKeys has the option "from" with something that is neither an address nor a network: correct or remove it.`,
		`Key 3 of authorizedKeys has the option "command", which cannot be kept`)
	account(t, c.ns, "judy", func(u config.User) error {
		if len(u.AuthorizedKeys) != 1 {
			return fmt.Errorf("the account has %d keys", len(u.AuthorizedKeys))
		}
		return nil
	})
}

// What is said to be able to log in can.
func TestWhoCanNeverLogInIsToldSo(t *testing.T) {
	t.Parallel()
	c, fs := serving(t)
	near := user(c.ns, "near", "files")
	near.Spec.AllowedSources = []string{"10.0.0.0/8"}
	create(t, near)
	ready(t, near, v1alpha1.ReasonLoaded)
	key := user(c.ns, "key", "files")
	key.Spec.AuthorizedKeys = []string{publicKey}
	create(t, key)
	ready(t, key, v1alpha1.ReasonLoaded)

	update(t, fs, func() {
		fs.Spec.Expose.LoadBalancer = &v1alpha1.LoadBalancer{ExternalTrafficPolicy: v1alpha1.TrafficCluster}
		fs.Spec.Sessions.Ban = &v1alpha1.Ban{}
		served := fs.Spec.ServedProtocols()
		served.SFTP = nil
		fs.Spec.Protocols = &served
	})
	isStalled(t, near, v1alpha1.ReasonAddressesHidden, "refused by spec.allowedSources", "externalTrafficPolicy under expose to Local")
	isStalled(t, key, v1alpha1.ReasonProtocolNotServed, "which only SFTP can ask for")
	isStalled(t, fs, v1alpha1.ReasonAddressesHidden, "spec.sessions.ban is left out")
}

func TestTheOlderUserKeepsTheName(t *testing.T) {
	t.Parallel()
	c, _ := serving(t)
	older := user(c.ns, "older", "files")
	older.Spec.Username = "shared"
	create(t, older)
	ready(t, older, v1alpha1.ReasonLoaded)
	younger := user(c.ns, "younger", "files")
	younger.Spec.Username = "shared"
	create(t, younger)
	isStalled(t, younger, v1alpha1.ReasonUsernameTaken, `The FileServerUser "older" has the username "shared" already`)
	ready(t, older, v1alpha1.ReasonLoaded)
	if err := api.Delete(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	ready(t, younger, v1alpha1.ReasonLoaded)
}

func TestAUserWithoutAServer(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	u := user(ns, "dave", "files")
	create(t, u)
	notReady(t, u, v1alpha1.ReasonServerNotFound, `The FileServer "files" in serverRef does not exist in this namespace`)

	fs := fileServer(ns, "files")
	create(t, fs)
	notReady(t, u, v1alpha1.ReasonServerNotReady, `No pod of the FileServer "files" serves yet`)
	cluster{t, ns}.start("files-0", "")
	ready(t, u, v1alpha1.ReasonLoaded)

	if err := api.Delete(t.Context(), fs); err != nil {
		t.Fatal(err)
	}
	notReady(t, u, v1alpha1.ReasonServerNotFound)
}

func TestAUserWhoMovesToAnotherServer(t *testing.T) {
	t.Parallel()
	c, _ := serving(t)
	create(t, fileServer(c.ns, "other"))
	u := user(c.ns, "erin", "files")
	create(t, u)
	ready(t, u, v1alpha1.ReasonLoaded)
	update(t, u, func() { u.Spec.ServerRef.Name = "other" })
	notReady(t, u, v1alpha1.ReasonServerNotReady)
	eventually(t, func() error {
		if n := len(usersFile(t, c.ns, "files").Users); n != 0 {
			return fmt.Errorf("the first server still has %d users", n)
		}
		if n := len(usersFile(t, c.ns, "other").Users); n != 1 {
			return fmt.Errorf("the second server has %d users", n)
		}
		return nil
	})
}

func TestUsersWhoAreRefusedAsDescribed(t *testing.T) {
	t.Parallel()
	c, _ := serving(t)
	suspended, expired, elsewhere := user(c.ns, "suspended", "files"), user(c.ns, "expired", "files"), user(c.ns, "elsewhere", "files")
	suspended.Spec.State = v1alpha1.UserSuspended
	expired.Spec.ExpiresAt = &metav1.Time{Time: time.Now().Add(-time.Hour)}
	create(t, suspended, expired)
	notReady(t, suspended, v1alpha1.ReasonSuspended)
	notReady(t, expired, v1alpha1.ReasonExpired)

	fs := get(t, c.ns, "files", &v1alpha1.FileServer{})
	update(t, fs, func() { fs.Spec.Protocols = &v1alpha1.Protocols{SFTP: &v1alpha1.SFTP{Port: 22}} })
	elsewhere.Spec.Protocols = []v1alpha1.ProtocolName{v1alpha1.ProtocolFTP}
	create(t, elsewhere)
	isStalled(t, elsewhere, v1alpha1.ReasonProtocolNotServed, "add one of [sftp] to spec.protocols")
}

func TestAUserWhoExpiresIsReportedInTime(t *testing.T) {
	t.Parallel()
	c, _ := serving(t)
	u := user(c.ns, "frank", "files")
	// Nothing else happens when the time has come. That the user is loaded
	// until then passes, and a busy machine may be too late to see it.
	u.Spec.ExpiresAt = &metav1.Time{Time: time.Now().Add(4 * time.Second)}
	create(t, u)
	notReady(t, u, v1alpha1.ReasonExpired)
	if left := time.Until(u.Spec.ExpiresAt.Time); left > 0 {
		t.Errorf("the user counts as expired %s too soon", left)
	}
}

func TestAPodThatHasNotLoadedAChangeIsRefreshedUntilItHas(t *testing.T) {
	t.Parallel()
	c := cluster{t, namespace(t)}
	create(t, fileServer(c.ns, "files"))
	pod := c.start("files-0", "")
	first := user(c.ns, "first", "files")
	create(t, first)
	ready(t, first, v1alpha1.ReasonLoaded)
	_ = api.Get(t.Context(), client.ObjectKeyFromObject(pod), pod)
	before := pod.Annotations[v1alpha1.AnnotationRefresh]

	// From now on the pod has the old file.
	old, err := c.newest(pod)
	if err != nil {
		t.Fatal(err)
	}
	pods.answer(pod, func() (config.Loaded, error) { return old, nil })
	second := user(c.ns, "second", "files")
	create(t, second)
	notReady(t, second, v1alpha1.ReasonLoading, "has not loaded the user yet")
	ready(t, first, v1alpha1.ReasonLoaded) // for whom nothing has changed
	seen := map[string]bool{before: true}
	eventually(t, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(pod), pod); err != nil {
			return err
		}
		seen[pod.Annotations[v1alpha1.AnnotationRefresh]] = true
		if len(seen) < 3 {
			return errors.New("the pod was not refreshed twice")
		}
		return nil
	})
	was := pod.DeepCopy()
	pods.answer(pod, func() (config.Loaded, error) { return c.newest(was) })
	ready(t, second, v1alpha1.ReasonLoaded)
}

func TestAPodThatRefusesAFileIsReported(t *testing.T) {
	t.Parallel()
	c, fs := serving(t)
	ready(t, fs, v1alpha1.ReasonReady)
	var list corev1.PodList
	if err := api.List(t.Context(), &list, client.InNamespace(c.ns)); err != nil {
		t.Fatal(err)
	}
	pods.answer(&list.Items[0], func() (config.Loaded, error) { return config.Loaded{Error: "users[0].home is odd"}, nil })
	u := user(c.ns, "grace", "files")
	create(t, u)
	isStalled(t, u, v1alpha1.ReasonConfigurationRefused, "users[0].home is odd")
	isStalled(t, fs, v1alpha1.ReasonConfigurationRefused, "refuses a file and keeps the last good one: users[0].home is odd")
	ready(t, fs, v1alpha1.ReasonReady)
}

func TestAPodThatCannotBeAskedIsReported(t *testing.T) {
	t.Parallel()
	c, _ := serving(t)
	var list corev1.PodList
	if err := api.List(t.Context(), &list, client.InNamespace(c.ns)); err != nil {
		t.Fatal(err)
	}
	pods.answer(&list.Items[0], func() (config.Loaded, error) { return config.Loaded{}, errors.New("connection refused") })
	u := user(c.ns, "heidi", "files")
	create(t, u)
	notReady(t, u, v1alpha1.ReasonLoading, "the operator must be able to reach its port 9090: connection refused")
}

func TestManyUsersTakeOneFile(t *testing.T) {
	t.Parallel()
	c, fs := serving(t)
	const n = 100
	for i := range n {
		create(t, user(c.ns, fmt.Sprintf("user-%03d", i), "files"))
	}
	eventually(t, func() error {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(fs), fs); err != nil {
			return err
		}
		if fs.Status.Users == nil || *fs.Status.Users != n {
			return errors.New("the status does not count them all")
		}
		return nil
	})
	if got := len(usersFile(t, c.ns, "files").Users); got != n {
		t.Errorf("the file has %d users", got)
	}
	ready(t, user(c.ns, "user-099", "files"), v1alpha1.ReasonLoaded)
}
