package controllers_test

import (
	"context"
	"errors"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// fakePods answer for pods what a server would report.
type fakePods struct {
	mu     sync.Mutex
	loaded map[types.NamespacedName]func() (config.Loaded, error)
}

func (f *fakePods) Loaded(_ context.Context, pod *corev1.Pod) (config.Loaded, error) {
	f.mu.Lock()
	answer := f.loaded[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}]
	f.mu.Unlock()
	if answer == nil {
		return config.Loaded{}, errors.New("connection refused")
	}
	return answer()
}

func (f *fakePods) answer(pod *corev1.Pod, with func() (config.Loaded, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.loaded == nil {
		f.loaded = map[types.NamespacedName]func() (config.Loaded, error){}
	}
	f.loaded[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}] = with
}
