package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// ask sends a request to the pods of a FileServer, or to those that are named, and has
// each answer be told. What one pod cannot be asked keeps no other from being asked.
func (a *administrator) ask(ctx context.Context, name, method, path string, query url.Values, told func(pod string, body io.Reader) error, only ...string) error {
	pods, err := a.serving(ctx, name)
	if err != nil {
		return err
	}
	only = slices.DeleteFunc(only, func(pod string) bool { return pod == "" })
	var failed []error
	for _, pod := range pods {
		if len(only) > 0 && !slices.Contains(only, pod.Name) {
			continue
		}
		if err := a.askPod(ctx, &pod, method, path, query, told); err != nil {
			failed = append(failed, fmt.Errorf("pod %s: %w", pod.Name, err))
		}
	}
	return errors.Join(failed...)
}

// serving are the pods of a FileServer that run.
func (a *administrator) serving(ctx context.Context, name string) ([]corev1.Pod, error) {
	c, namespace, err := a.connect()
	if err != nil {
		return nil, err
	}
	server := &v1alpha1.FileServer{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, server); err != nil {
		return nil, err
	}
	if server.Spec.Expose.Type == v1alpha1.ExposeHostNetwork {
		return nil, errors.New("on the host network pods serve no administrators: the node's loopback would be open to all that is on the node")
	}
	pods := &corev1.PodList{}
	if err := c.List(ctx, pods, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelServer: name}); err != nil {
		return nil, err
	}
	running := slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return p.Status.Phase != corev1.PodRunning })
	if len(running) == 0 {
		return nil, fmt.Errorf("no pod of the FileServer %s runs", name)
	}
	slices.SortFunc(running, func(x, y corev1.Pod) int { return cmp.Compare(x.Name, y.Name) })
	return running, nil
}

func (a *administrator) askPod(ctx context.Context, pod *corev1.Pod, method, path string, query url.Values, told func(string, io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	address, closed, err := a.forward(ctx, pod)
	if err != nil {
		return err
	}
	defer closed()
	u := url.URL{Scheme: "http", Host: address, Path: path, RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(text)))
	}
	return told(pod.Name, response.Body)
}

// forwardPort forwards a port of this machine to the administrators' of a pod, until
// closed is called.
func (o *options) forwardPort(ctx context.Context, pod *corev1.Pod) (address string, closed func(), err error) {
	restConfig, err := o.kube.ToRESTConfig()
	if err != nil {
		return "", nil, err
	}
	clients, err := kubernetes.NewForConfig(restConfig)
	if err != nil {
		return "", nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(restConfig)
	if err != nil {
		return "", nil, err
	}
	target := clients.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("portforward").URL()
	stop, ready := make(chan struct{}), make(chan struct{})
	var said bytes.Buffer
	f, err := portforward.NewOnAddresses(spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, target),
		[]string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", config.PortAdmin)}, stop, ready, io.Discard, &said)
	if err != nil {
		return "", nil, err
	}
	failed, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		failed <- f.ForwardPorts()
	}()
	closed = func() {
		close(stop)
		<-ended
	}
	select {
	case <-ready:
	case err := <-failed:
		return "", nil, fmt.Errorf("forwarding a port: %w", err)
	case <-ctx.Done():
		closed()
		return "", nil, ctx.Err()
	}
	ports, err := f.GetPorts()
	if err != nil {
		closed()
		return "", nil, err
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0].Local), closed, nil
}
