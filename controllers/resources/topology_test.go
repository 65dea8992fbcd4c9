package resources_test

import (
	"strings"
	"testing"
)

func TestConflict(t *testing.T) {
	const apart = `podTemplate: {affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {fileserver.dev/server: files}}}]}}}`
	const spread = `podTemplate: {labels: {app: ftp}, topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: ftp}}}]}`
	for name, c := range map[string]struct {
		spec    string
		oneNode bool
		want    string
	}{
		"replicas that share a node":                      {`{replicas: 2}`, true, ""},
		"replicas on several nodes":                       {`{replicas: 2}`, false, ""},
		"replicas apart on a volume of one node":          {`{replicas: 2, ` + apart + `}`, true, `The volume of the claim "files-data" is for one node, and podTemplate wants the 2 pods on several`},
		"replicas spread on a volume of one node":         {`{replicas: 2, ` + spread + `}`, true, "podTemplate wants the 2 pods on several"},
		"one replica apart from others":                   {`{` + apart + `}`, true, ""},
		"replicas apart on a volume of many nodes":        {`{replicas: 2, ` + apart + `}`, false, ""},
		"several nodes behind a policy that keeps to one": {`{replicas: 2, expose: {loadBalancer: {externalTrafficPolicy: Local}}}`, false, "a node drops data connections for pods elsewhere"},
		"the same with SFTP alone":                        {`{replicas: 2, protocols: {sftp: {}}, expose: {loadBalancer: {externalTrafficPolicy: Local}}}`, false, ""},
	} {
		s := server(t, c.spec)
		s.OneNode = c.oneNode
		if got := s.Conflict(); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
