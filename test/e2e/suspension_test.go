//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/test/clients"
	"github.com/fileserver-dev/fileserver-operator/test/operator"
)

// A refusal has the API server refuse what the operator writes of some resources, in
// one namespace.
const refusal = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[2]s}}
    resourceRules: [{apiGroups: ["*"], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: [%[3]s]}]
  matchConditions: [{name: operator, expression: "request.userInfo.username.startsWith('system:serviceaccount:%[4]s:')"}]
  validations: [{expression: "false", message: the test refuses it}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, validationActions: [Deny]}
`

// failingSteps are what can fail of a FileServer: what has it fail, what then says so
// in a condition of the FileServer or of carol, and what mends it.
var failingSteps = []struct {
	name    string
	refused string // resources that the API server refuses
	spec    string // of the FileServer
	carol   string // the spec of another user
	says    string
	mended  string // spec of the FileServer
}{
	{name: "claim", refused: "persistentvolumeclaims", spec: `{"storage":{"claim":{"labels":{"example.com/test":"1"}}}}`, says: "the test refuses it", mended: `{"storage":{"claim":{"labels":null}}}`},
	{name: "service", refused: "services", spec: `{"expose":{"annotations":{"example.com/test":"1"}}}`, says: "the test refuses it", mended: `{"expose":{"annotations":null}}`},
	{name: "certificate", spec: `{"tls":{"secretRef":{"name":"nowhere"}}}`, says: "nowhere", mended: `{"tls":null}`},
	{name: "host keys", spec: `{"sshHostKeys":{"secretRef":{"name":"nowhere"}}}`, says: "nowhere", mended: `{"sshHostKeys":null}`},
	{name: "another user", carol: `{"password":{"secretRef":{"name":"nowhere"}}}`, says: "nowhere", mended: `{}`},
	{name: "API server", refused: "services, deployments, configmaps, persistentvolumeclaims, networkpolicies, poddisruptionbudgets",
		spec: `{"drain":{"timeout":"90s"}}`, says: "the test refuses it", mended: `{"drain":null}`},
}

// TestASuspensionWaitsForNoOtherStep has each other step fail, one after the other,
// and suspends a user meanwhile.
func TestASuspensionWaitsForNoOtherStep(t *testing.T) {
	const rounds, inARow = 4, 3
	n := newSpace(t)
	target := n.serve(`{replicas: 2, ` + spread + `}`)
	n.apply("{apiVersion: fileserver.dev/v1alpha1, kind: FileServerUser, metadata: {name: carol}, spec: {serverRef: {name: files}}}")
	n.settled(2)
	logsIn := func(what string, want bool) {
		n.eventually(what, func() error {
			for range inARow {
				if got, err := n.logsIn(target); err != nil || got != want {
					return fmt.Errorf("a login succeeds: %t (%w)", got, err)
				}
			}
			return nil
		})
	}
	var took []time.Duration
	for _, step := range failingSteps {
		accept := n.refuse(step.refused)
		if step.carol != "" {
			n.kubectl("patch", "fileserveruser", "carol", "--type=merge", "-p", `{"spec":`+step.carol+`}`)
		}
		if step.spec != "" {
			n.patch(step.spec)
		}
		n.eventually("a condition says that the step fails: "+step.name, func() error {
			status := n.kubectl("get", "fileserver/files", "fileserveruser/carol", "-o", `jsonpath={range .items[*].status.conditions[?(@.status!="True")]}{.message}{"\n"}{end}{range .items[*].status.conditions[?(@.type!="Ready")]}{.message}{"\n"}{end}`)
			if !strings.Contains(status, step.says) {
				return fmt.Errorf("they say %q, and not %q", status, step.says)
			}
			return nil
		})
		for round := range rounds {
			began := time.Now()
			n.kubectl("patch", "fileserveruser", "alice", "--type=merge", "-p", `{"spec":{"state":"Suspended"}}`)
			logsIn(fmt.Sprintf("%s fails, round %d: a suspended user is refused", step.name, round), false)
			took = append(took, time.Since(began))
			n.kubectl("patch", "fileserveruser", "alice", "--type=merge", "-p", `{"spec":{"state":"Active"}}`)
			logsIn(fmt.Sprintf("%s fails, round %d: a user who is no longer suspended logs in", step.name, round), true)
		}
		fmt.Printf("suspended while failing: %s %v\n", step.name, took[len(took)-rounds:])
		accept()
		n.patch(step.mended)
		n.kubectl("patch", "fileserveruser", "carol", "--type=merge", "-p", `{"spec":{"password":null}}`)
		n.settled(2)
	}
	judge(t, "suspended", took)
}

// logsIn reports whether alice logs in over FTPS.
func (n *space) logsIn(t clients.Target) (bool, error) {
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	s := &session{host: t.Host}
	raw, err := s.dial(ctx, t.FTPS, patience)
	if err != nil {
		return false, err
	}
	defer raw.Close()
	s.conn = tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	s.text = textproto.NewConn(s.conn)
	s.within(patience)
	if _, _, err := s.text.ReadResponse(220); err != nil {
		return false, err
	}
	if _, err := s.command(331, "USER "+t.User); err != nil {
		return false, err
	}
	_, err = s.command(230, "PASS "+t.Password)
	if reply, ok := errors.AsType[*textproto.Error](err); ok && reply.Code == 530 {
		return false, nil
	}
	return err == nil, err
}

// refuse has the API server refuse what the operator writes of these resources, if
// there are any, until accept is called.
func (n *space) refuse(resources string) (accept func()) {
	n.t.Helper()
	if resources == "" {
		return func() {}
	}
	name := n.name + "-refusal"
	n.apply(fmt.Sprintf(refusal, name, n.name, resources, operator.Namespace))
	accept = func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		kube.Kubectl(ctx, "delete", "--ignore-not-found", "validatingadmissionpolicybinding/"+name, "validatingadmissionpolicy/"+name)
	}
	n.t.Cleanup(accept)
	one, _, _ := strings.Cut(resources, ",")
	n.eventually("the API server refuses "+resources, func() error {
		_, err := kube.Kubectl(n.t.Context(), "-n", n.name, "label", one, "--all", "--overwrite", "--dry-run=server", "test=1",
			"--as=system:serviceaccount:"+operator.Namespace+":"+operator.Release)
		if err == nil || !strings.Contains(err.Error(), "the test refuses it") {
			return fmt.Errorf("changing them: %w", err)
		}
		return nil
	})
	return accept
}
