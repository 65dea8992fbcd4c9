package controllers_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/fileserver-dev/fileserver-operator/controllers"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// Pods of an older spec still have the port of before.
func TestAPodIsAskedAtThePortThatItDeclares(t *testing.T) {
	t.Parallel()
	pod := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"config": %q}`, r.URL.Path)
	}))
	defer pod.Close()
	addr := pod.Listener.Addr().(*net.TCPAddr)
	p := &corev1.Pod{
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Ports: []corev1.ContainerPort{
			{Name: config.PortNameSFTP, ContainerPort: 22}, {Name: config.PortNameHTTP, ContainerPort: int32(addr.Port)},
		}}}},
		Status: corev1.PodStatus{PodIP: addr.IP.String()},
	}
	loaded, err := controllers.NewPodHTTP().Loaded(t.Context(), p)
	if err != nil || loaded.Config != config.PathConfig {
		t.Errorf("got %+v, %v", loaded, err)
	}
}
