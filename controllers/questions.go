package controllers

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// question is what a pod is asked: whether it has loaded what it should.
type question struct {
	server types.NamespacedName
	pod    *corev1.Pod
	should should
	// remind has the server looked at again when the pod has answered then or later,
	// also if it says the same as before; but not if it has said meanwhile that it has
	// what it should.
	remind time.Time
}

// should is what a pod should have loaded.
type should struct {
	// id identifies all of it: hashes that are equal are those of the same files.
	id       string
	config   string // "" is any; so it is with the others
	tls      string
	hostKeys []string
	users    map[string]string // by the name of the file
}

// met says whether a pod has loaded what it should. A pod that has not reported a file
// with users yet lacks it.
func (s should) met(loaded config.Loaded) bool {
	for name, hash := range s.users {
		if loaded.Users[name] != hash {
			return false
		}
	}
	return s.configured(loaded)
}

// configured says so of all but the users.
func (s should) configured(loaded config.Loaded) bool {
	return (s.config == "" || loaded.Config == s.config) &&
		(s.tls == "" || loaded.TLS == s.tls) &&
		(s.hostKeys == nil || slices.Equal(loaded.HostKeys, s.hostKeys))
}

// answer is what a pod said, or why it said nothing, when it was asked at that time.
type answer struct {
	loaded config.Loaded
	err    error
	at     time.Time
}

// asker asks pods what they have loaded.
type asker interface {
	// answer is the newest to that question, or to any if the pod was never asked one;
	// false: there is none yet.
	answer(ctx context.Context, q question) (answer, bool)
	// ask has a pod asked until it has what it should. Its server is looked at again
	// when the pod says something else, or nothing any more.
	ask(q question)
	// meet has a pod asked once, so that its server need not wait for the answer.
	meet(pod *corev1.Pod)
	// keep forgets the pods of a server that are not among these.
	keep(server types.NamespacedName, pods map[types.UID]podMemory)
}

// askAtOnce asks in the pass that wants to know, which waits for the answer. It is for
// passes without anything that runs beside them.
type askAtOnce struct{ r *FileServerReconciler }

func (a askAtOnce) answer(ctx context.Context, q question) (answer, bool) {
	at := a.r.Clock.Now()
	loaded, err := a.r.Pods.Loaded(ctx, q.pod)
	return answer{loaded, err, at}, true
}

func (askAtOnce) ask(question)                                       {}
func (askAtOnce) meet(*corev1.Pod)                                   {}
func (askAtOnce) keep(types.NamespacedName, map[types.UID]podMemory) {}
