// Package argocd_test tests what is written for users of Argo CD.
package argocd_test

import (
	"os"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"sigs.k8s.io/yaml"
)

// key, with a kind, is where Argo CD looks for a script. A key for each kind
// leaves those for other kinds alone.
const key = "resource.customizations.health.fileserver.dev_"

func TestHealth(t *testing.T) {
	check := health(t)
	for name, c := range map[string]struct{ object, status, message string }{
		"just applied": {
			`{metadata: {generation: 1}, status: {observedGeneration: -1}}`,
			"Progressing", "The operator has not seen this yet",
		},
		"without a status": {
			`{metadata: {generation: 1}}`,
			"Progressing", "The operator has not seen this yet",
		},
		"changed since it was ready": {
			`{metadata: {generation: 2}, status: {observedGeneration: 1, conditions: [{type: Ready, status: "True"}]}}`,
			"Progressing", "The operator has not seen this yet",
		},
		"seen without a condition": {
			`{metadata: {generation: 1}, status: {observedGeneration: 1}}`,
			"Progressing", "The operator has not looked at this yet",
		},
		"starting": {
			`{metadata: {generation: 1}, status: {observedGeneration: 1, conditions: [
				{type: Ready, status: "False", reason: Progressing, message: pods are starting},
				{type: Reconciling, status: "True", reason: Progressing, message: pods are starting}]}}`,
			"Progressing", "pods are starting",
		},
		"ready": {
			`{metadata: {generation: 1}, status: {observedGeneration: 1, conditions: [
				{type: ActiveMode, status: "False", message: other address},
				{type: Ready, status: "True", reason: Ready, message: clients can connect}]}}`,
			"Healthy", "clients can connect",
		},
		"stalled": {
			`{metadata: {generation: 1}, status: {observedGeneration: 1, conditions: [
				{type: Ready, status: "False", reason: SecretNotFound, message: no Secret},
				{type: Stalled, status: "True", reason: SecretNotFound, message: make the Secret}]}}`,
			"Degraded", "make the Secret",
		},
		"serving what it served before, and unable to go on": {
			`{metadata: {generation: 2}, status: {observedGeneration: 2, conditions: [
				{type: Ready, status: "True", reason: Ready, message: clients can connect},
				{type: Stalled, status: "True", reason: ImagePullFailed, message: mend the image}]}}`,
			"Degraded", "mend the image",
		},
		"serving while pods are replaced": {
			`{metadata: {generation: 2}, status: {observedGeneration: 2, conditions: [
				{type: Ready, status: "True", reason: Ready, message: clients can connect},
				{type: Reconciling, status: "True", reason: Progressing, message: a pod is replaced}]}}`,
			"Progressing", "a pod is replaced",
		},
		"a user whom the spec suspends": {
			`{metadata: {generation: 1}, status: {observedGeneration: 1, conditions: [
				{type: Ready, status: "False", reason: Suspended, message: the user is refused}]}}`,
			"Suspended", "the user is refused",
		},
		"a user who has expired": {
			`{metadata: {generation: 1}, status: {observedGeneration: 1, conditions: [
				{type: Ready, status: "False", reason: Expired, message: the user is refused}]}}`,
			"Suspended", "the user is refused",
		},
		"a user who is suspended, and whom some pod still lets in": {
			`{metadata: {generation: 1}, status: {observedGeneration: 1, conditions: [
				{type: Ready, status: "False", reason: Progressing, message: one pod is behind},
				{type: Reconciling, status: "True", reason: Progressing, message: one pod is behind}]}}`,
			"Progressing", "one pod is behind",
		},
		"changed while it is paused": {
			`{metadata: {generation: 2}, status: {observedGeneration: 1, conditions: [
				{type: Paused, status: "True", reason: Paused, message: remove the annotation},
				{type: Ready, status: "True", reason: Ready, message: clients can connect}]}}`,
			"Suspended", "remove the annotation",
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, message := check(t, c.object)
			if status != c.status || message != c.message {
				t.Errorf("got %s, %q; want %s, %q", status, message, c.status, c.message)
			}
		})
	}
}

// health returns what runs the script of the document as Argo CD does: with
// the object in the variable obj.
func health(t *testing.T) func(t *testing.T, object string) (status, message string) {
	t.Helper()
	b, err := os.ReadFile("../../docs/argocd-health.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var configMap struct{ Data map[string]string }
	if err := yaml.UnmarshalStrict(b, &configMap); err != nil {
		t.Fatal(err)
	}
	script := configMap.Data[key+"FileServer"]
	if script == "" || configMap.Data[key+"FileServerUser"] != script {
		t.Fatalf("there is no %s for each kind, the same for both", key)
	}
	return func(t *testing.T, object string) (string, string) {
		t.Helper()
		var decoded any
		if err := yaml.UnmarshalStrict([]byte(object), &decoded); err != nil {
			t.Fatal(err)
		}
		state := lua.NewState(lua.Options{SkipOpenLibs: true})
		defer state.Close()
		for name, open := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
			state.Push(state.NewFunction(open))
			state.Push(lua.LString(name))
			state.Call(1, 0)
		}
		state.SetGlobal("obj", value(state, decoded))
		if err := state.DoString(script); err != nil {
			t.Fatal(err)
		}
		result, ok := state.Get(-1).(*lua.LTable)
		if !ok {
			t.Fatalf("the script returns %v", state.Get(-1))
		}
		return result.RawGetString("status").String(), result.RawGetString("message").String()
	}
}

// value is decoded JSON as Lua sees it.
func value(state *lua.LState, decoded any) lua.LValue {
	switch v := decoded.(type) {
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case bool:
		return lua.LBool(v)
	case []any:
		table := state.NewTable()
		for _, e := range v {
			table.Append(value(state, e))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for k, e := range v {
			table.RawSetString(k, value(state, e))
		}
		return table
	}
	return lua.LNil
}
