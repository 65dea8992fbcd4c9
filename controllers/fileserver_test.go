package controllers_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	create(t, fileServer(ns, "files"), user(ns, "alice", "files"))

	get(t, ns, "files-data", &corev1.PersistentVolumeClaim{})
	get(t, ns, "files", &corev1.Service{})
	get(t, ns, "files-ssh-host-keys", &corev1.Secret{})
	get(t, ns, "files-ca", &corev1.Secret{})
	get(t, ns, "files-tls", &corev1.Secret{})
	get(t, ns, "alice-credentials", &corev1.Secret{})
	d := get(t, ns, "files-0", &appsv1.Deployment{})
	if got := d.Spec.Template.Spec.Containers[0].Image; got != serverImage {
		t.Errorf("the pods run %s, want %s", got, serverImage)
	}

	users := get(t, ns, "files-users", &corev1.Secret{})
	file, err := config.ParseUsers(users.Data[config.UsersFile])
	if err != nil || len(file.Users) != 1 || file.Users[0].Name != "alice" {
		t.Errorf("the users' file has %+v (%v); want alice", file, err)
	}
	cm := get(t, ns, "files-config", &corev1.ConfigMap{})
	for key, text := range cm.Data {
		if _, err := config.Parse([]byte(text)); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}
