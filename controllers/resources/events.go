package resources

import (
	"fmt"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// events says where the pods tell what clients have done; nil: nowhere.
func (s Server) events() *config.Events {
	in := s.Spec.Events
	if in == nil {
		return nil
	}
	c := &config.Events{
		Sink: s.sink(), CA: in.Sink.CABundle, Paths: in.Paths,
		Server: s.Name, Namespace: s.Namespace,
	}
	for _, t := range in.Types {
		c.Types = append(c.Types, config.EventType(t))
	}
	if s.eventsSecret() != "" {
		c.CredentialsDir = config.EventsDir
	}
	return c
}

// sink is the URL of who receives events.
func (s Server) sink() string {
	in := s.Spec.Events.Sink
	if in.Ref == nil {
		return in.URI
	}
	path := in.URI
	if path == "" {
		path = "/"
	}
	return fmt.Sprintf("http://%s.%s.svc%s", in.Ref.Name, s.Namespace, path)
}

// eventsSecret is the Secret with the credentials for the sink, or "".
func (s Server) eventsSecret() string {
	if s.Spec.Events == nil || s.Spec.Events.Sink.CredentialsSecretRef == nil {
		return ""
	}
	return s.Spec.Events.Sink.CredentialsSecretRef.Name
}

// Delivery says how the events of all pods are delivered, as the condition EventsDelivered
// has it; nil if none are told, or nothing is known.
func (s Server) Delivery(pods []config.Loaded) *config.EventsState {
	if s.Spec.Events == nil {
		return nil
	}
	var all *config.EventsState
	for _, pod := range pods {
		if pod.Events == nil {
			continue
		}
		if all == nil {
			all = &config.EventsState{}
		}
		all.Undelivered += pod.Events.Undelivered
		all.Dead = max(all.Dead, pod.Events.Dead)
		all.Full = all.Full || pod.Events.Full
		if all.Failing == "" {
			all.Failing = pod.Events.Failing
		}
	}
	return all
}
