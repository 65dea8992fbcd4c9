package controllers

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// collectTime is how long a scrape waits for the cache.
const collectTime = 5 * time.Second

func statusDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("fileserver_operator_"+name, help, append([]string{"namespace", "fileserver"}, labels...), nil)
}

var (
	conditionDesc = statusDesc("condition", "Conditions of FileServers: 1 is True, 0 is False or Unknown.", "condition", "reason")
	wantedDesc    = statusDesc("replicas_wanted", "Pods that a FileServer shall have.")
	readyDesc     = statusDesc("replicas_ready", "Pods of a FileServer that serve.")
	behindDesc    = statusDesc("generations_behind", "Changes of a FileServer's spec that the operator has not looked at.")
	usersDesc     = statusDesc("users", "FileServerUsers of a FileServer.")
	stalledDesc   = statusDesc("users_stalled", "FileServerUsers that are not in force as described until somebody changes something.")
)

// StatusCollector tells Prometheus what is in the status of FileServers, so that no other
// program is needed for alerts. Each FileServer has a bounded number of metrics, and none
// is told of a user by name. It reads the cache alone.
type StatusCollector struct{ Cached client.Reader }

// Describe implements prometheus.Collector.
func (StatusCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{conditionDesc, wantedDesc, readyDesc, behindDesc, usersDesc, stalledDesc} {
		to <- d
	}
}

// Collect implements prometheus.Collector. While the cache is empty, as at the start,
// there is nothing to tell.
func (c StatusCollector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTime)
	defer cancel()
	var servers v1alpha1.FileServerList
	var users v1alpha1.FileServerUserList
	if c.Cached.List(ctx, &servers, client.UnsafeDisableDeepCopy) != nil || c.Cached.List(ctx, &users, client.UnsafeDisableDeepCopy) != nil {
		return
	}
	count, stalled := map[types.NamespacedName]int{}, map[types.NamespacedName]int{}
	for i := range users.Items {
		u := &users.Items[i]
		server := types.NamespacedName{Namespace: u.Namespace, Name: u.Spec.ServerRef.Name}
		count[server]++
		if meta.IsStatusConditionTrue(u.Status.Conditions, v1alpha1.ConditionStalled) {
			stalled[server]++
		}
	}
	for i := range servers.Items {
		s := &servers.Items[i]
		name := client.ObjectKeyFromObject(s)
		gauge := func(d *prometheus.Desc, value float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, append([]string{s.Namespace, s.Name}, labels...)...)
		}
		for _, condition := range s.Status.Conditions {
			value := 0.0
			if condition.Status == metav1.ConditionTrue {
				value = 1
			}
			gauge(conditionDesc, value, condition.Type, condition.Reason)
		}
		if s.Spec.Replicas != nil {
			gauge(wantedDesc, float64(*s.Spec.Replicas))
		}
		if s.Status.ReadyReplicas != nil {
			gauge(readyDesc, float64(*s.Status.ReadyReplicas))
		}
		observed := int64(0)
		if s.Status.ObservedGeneration != nil {
			observed = *s.Status.ObservedGeneration
		}
		gauge(behindDesc, float64(s.Generation-observed))
		gauge(usersDesc, float64(count[name]))
		gauge(stalledDesc, float64(stalled[name]))
	}
}
