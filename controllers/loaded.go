package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// LoadedReader asks a pod what it has loaded.
type LoadedReader interface {
	Loaded(ctx context.Context, pod *corev1.Pod) (config.Loaded, error)
}

// PodHTTP asks pods over HTTP.
type PodHTTP struct{ client *http.Client }

// How long a pod may take to answer: it has the answer at hand.
const askTimeout = time.Second

// NewPodHTTP asks pods over HTTP at their own addresses.
func NewPodHTTP() *PodHTTP {
	return &PodHTTP{client: &http.Client{
		Timeout: askTimeout,
		Transport: &http.Transport{
			Proxy:              nil, // pods are never behind one
			DisableKeepAlives:  true,
			DialContext:        (&net.Dialer{Timeout: askTimeout}).DialContext,
			DisableCompression: true,
		},
	}}
}

// Loaded implements LoadedReader.
func (c *PodHTTP) Loaded(ctx context.Context, pod *corev1.Pod) (loaded config.Loaded, err error) {
	err = c.ask(ctx, pod, config.PathConfig, 1<<20, &loaded)
	return loaded, err
}

// Activity implements ActivityReader.
func (c *PodHTTP) Activity(ctx context.Context, pod *corev1.Pod) (activity config.Activity, err error) {
	err = c.ask(ctx, pod, config.PathActivity, 16<<20, &activity)
	return activity, err
}

// ask reads what a pod answers, but no more than so many bytes.
func (c *PodHTTP) ask(ctx context.Context, pod *corev1.Pod, path string, limit int64, answer any) error {
	url := "http://" + net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(int(resources.PodMetricsPort(&pod.Spec)))) + path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, limit)).Decode(answer); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", path, err)
	}
	return nil
}
