package resources_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
)

func TestWhichPodsLeaveANode(t *testing.T) {
	taint := func(key string) corev1.Node {
		return corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: key, Effect: corev1.TaintEffectNoSchedule}}}}
	}
	cordoned := corev1.Node{Spec: corev1.NodeSpec{Unschedulable: true}}
	everything := corev1.Toleration{Operator: corev1.TolerationOpExists}
	for name, c := range map[string]struct {
		node        corev1.Node
		tolerations []corev1.Toleration
		want        bool
	}{
		"a node as any other keeps its pods":                         {corev1.Node{}, nil, false},
		"a cordoned node is left":                                    {cordoned, nil, true},
		"a node that Karpenter drains is left":                       {taint("karpenter.sh/disrupted"), nil, true},
		"a node that Karpenter before version 1 drains is left":      {taint("karpenter.sh/disruption"), nil, true},
		"a node that the cluster autoscaler removes is left":         {taint("ToBeDeletedByClusterAutoscaler"), nil, true},
		"a node that the autoscaler only thinks of removing is kept": {taint("DeletionCandidateOfClusterAutoscaler"), nil, false},
		"a node that is kept for some pods is kept":                  {taint("dedicated"), nil, false},
		"a pod that tolerates every taint would come back":           {taint("karpenter.sh/disrupted"), []corev1.Toleration{everything}, false},
		"a pod that tolerates a cordon would come back":              {cordoned, []corev1.Toleration{{Key: corev1.TaintNodeUnschedulable, Operator: corev1.TolerationOpExists}}, false},
		"a pod that tolerates another effect leaves": {taint("karpenter.sh/disrupted"), []corev1.Toleration{
			{Key: "karpenter.sh/disrupted", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute},
		}, true},
		"a pod that tolerates another value leaves": {taint("karpenter.sh/disrupted"), []corev1.Toleration{
			{Key: "karpenter.sh/disrupted", Operator: corev1.TolerationOpEqual, Value: "other"},
		}, true},
	} {
		if got := resources.Leaves(&c.node, c.tolerations); got != c.want {
			t.Errorf("%s: the pod leaves: %v", name, got)
		}
	}
}

func TestTheShownNodesChangeNoMoreThanTheyMust(t *testing.T) {
	const (
		anyNode = `{expose: {type: NodePort}, replicas: 1}`
		local   = `{expose: {type: NodePort, nodePort: {externalTrafficPolicy: Local}}, replicas: 1}`
		host    = `{expose: {type: HostNetwork}, replicas: 2}`
		none    = `{expose: {type: NodePort}, replicas: 0}`
	)
	named := func(names ...string) (nodes []corev1.Node) {
		for _, n := range names {
			goes := n[0] == '-' // it has been cordoned
			n = strings.TrimPrefix(n, "-")
			nodes = append(nodes, node(n))
			nodes[len(nodes)-1].Spec.Unschedulable = goes
		}
		return nodes
	}
	for name, c := range map[string]struct {
		spec            string
		before, serving []string
		settled         bool
		want            []string
	}{
		"the first pod":         {anyNode, nil, []string{"a"}, true, []string{"a"}},
		"no pod yet":            {anyNode, nil, nil, false, nil},
		"the only pod restarts": {anyNode, []string{"a"}, nil, false, []string{"a"}},
		"the only pod is back":  {anyNode, []string{"a"}, []string{"a"}, true, []string{"a"}},
		"the only pod is elsewhere, and any node leads there": {anyNode, []string{"a"}, []string{"b"}, true, []string{"a"}},
		"the node goes": {anyNode, []string{"-a"}, []string{"b"}, true, []string{"b"}},
		"the node goes, and no pod serves elsewhere yet": {anyNode, []string{"-a"}, nil, false, []string{"-a"}},
		"nothing runs, as wanted":                        {none, []string{"a"}, nil, false, []string{"a"}},
		"only the pod's node leads to it":                {local, []string{"a"}, []string{"b"}, true, []string{"b"}},
		"the only pod on its own node restarts":          {local, []string{"a"}, nil, false, []string{"a"}},
		"one of two pods restarts":                       {host, []string{"b", "a"}, []string{"a"}, false, []string{"b", "a"}},
		"one of two pods is elsewhere":                   {host, []string{"b", "a"}, []string{"a", "c"}, true, []string{"a", "c"}},
	} {
		s := server(t, c.spec)
		s.OneNode = false
		var got []string
		for _, n := range s.Shown(resources.Observed{Before: named(c.before...), Serving: named(c.serving...), Settled: c.settled}) {
			name := n.Name
			if n.Spec.Unschedulable {
				name = "-" + name
			}
			got = append(got, name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: the nodes %v are shown, want %v", name, got, c.want)
		}
	}
}
