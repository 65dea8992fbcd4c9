package controllers

import (
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fileserver-dev/fileserver-operator/controllers/conditions"
	"github.com/fileserver-dev/fileserver-operator/controllers/resources"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// servingPod is a pod that serves, and what it has of the users.
type servingPod struct {
	*corev1.Pod
	podMemory
	of     int           // shards
	shards []*shardState // as they were applied
	newest []bool        // which of them the pod has as they were applied last
}

// servingPods are those that users are told of.
func (p *pass) servingPods() []servingPod {
	var serving []servingPod
	for i := range p.pods {
		pod := &p.pods[i]
		if terminating(pod) || !podReady(pod) {
			continue
		}
		s := servingPod{Pod: pod, podMemory: p.mem().pods[pod.UID], of: resources.MountedShards(&pod.Spec)}
		for j := range s.of {
			shard := p.mem().roster.shard(p.server.Name, j, s.of)
			file := s.loaded.Users[config.UsersFileOf(j, s.of)]
			s.shards = append(s.shards, shard)
			s.newest = append(s.newest, s.asked && !s.strayed && shard.file != "" && file == shard.file)
		}
		serving = append(serving, s)
	}
	return serving
}

// has says whether a pod has loaded the user as it is described.
func (s *servingPod) has(u *userState) bool {
	if s.of == 0 || !s.asked {
		return false
	}
	shard := u.key.In(s.of)
	state := s.shards[shard]
	if s.newest[shard] && !state.dirty && state.all {
		return u.known()
	}
	// It may be an older file, in which this user was the same.
	has := state.had(s.loaded.Users[config.UsersFileOf(shard, s.of)], u)
	return has && (!s.strayed || state.have(u)) // strayed: any of the files
}

// loadedBy says of each pod that serves what it has of a user.
func (p *pass) loadedBy(serving []servingPod, u *userState) []conditions.Pod {
	var pods []conditions.Pod
	for i := range serving {
		s := &serving[i]
		c := conditions.Pod{Name: s.Name, Refuses: s.loaded.Error, Has: s.has(u)}
		for _, l := range s.loaded.LeftOut {
			if l.User == u.login {
				c.LeavesOut = l.Field + " " + l.Reason
			}
		}
		if s.err != nil {
			c.Unreachable = p.unreachable(s.Pod, s.podMemory)
			c.Silent = fmt.Sprintf("the operator must be able to reach its port %d: %v", resources.PodMetricsPort(&s.Spec), s.err)
		}
		for _, d := range s.loaded.Denied {
			if d.User == u.login {
				c.Denied = resources.Denied(d)
				break
			}
		}
		pods = append(pods, c)
	}
	return pods
}

// said is what the status of a user was written for.
type said struct {
	ofAll         string // identifies what is found of the server
	lack          string // which pods lack the user
	full, expired bool
}

// ofAll identifies what the statuses of all users follow from.
func (p *pass) ofAll(serving []servingPod) string {
	type pod struct {
		Name        types.UID
		Refuses     string
		Silent      string
		Unreachable bool
		LeftOut     []config.LeftOut
		Denied      []config.Denied
	}
	all := struct {
		Served any
		Hidden bool
		Nodes  []string
		Pods   []pod
	}{Served: served(p.server.Spec.ServedProtocols()), Hidden: p.hides(), Nodes: p.nodeAddresses()}
	for i := range serving {
		s := &serving[i]
		one := pod{Name: s.UID, Refuses: s.loaded.Error, LeftOut: s.loaded.LeftOut, Denied: s.loaded.Denied}
		if s.err != nil {
			one.Silent, one.Unreachable = s.err.Error(), p.unreachable(s.Pod, s.podMemory)
		}
		all.Pods = append(all.Pods, one)
	}
	b, err := json.Marshal(all)
	if err != nil {
		return "" // and all are looked at
	}
	return config.Hash(b)
}

// says is what the status of a user follows from at that time, besides the user.
func says(serving []servingPod, ofAll string, u *userState, now time.Time) said {
	t := u.user.Spec.ExpiresAt
	return said{ofAll: ofAll, lack: lack(serving, u), full: u.full, expired: t != nil && !now.Before(t.Time)}
}

// lack names the pods that lack a user; "" for most users at most times.
func lack(serving []servingPod, u *userState) (pods string) {
	for i := range serving {
		if !serving[i].has(u) {
			pods += serving[i].Name + " "
		}
	}
	return pods
}
