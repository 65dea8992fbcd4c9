package resources_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestHowAllPodsDeliverEvents(t *testing.T) {
	t.Parallel()
	s := server(t, `{events: {sink: {ref: {name: intake}}}}`)
	if s.Config().Events.Sink != "http://intake."+s.Namespace+".svc/" {
		t.Errorf("the sink is %s", s.Config().Events.Sink)
	}
	if got := s.Delivery([]config.Loaded{{}}); got != nil {
		t.Errorf("of pods that have told nothing: %+v", got)
	}
	got := s.Delivery([]config.Loaded{
		{}, {Events: &config.EventsState{Undelivered: 2, Dead: 3}}, {Events: &config.EventsState{Undelivered: 5, Dead: 3, Failing: "it answers 503", Full: true}},
	})
	// Dead letters are told by each pod, those of all.
	if diff := cmp.Diff(&config.EventsState{Undelivered: 7, Dead: 3, Failing: "it answers 503", Full: true}, got); diff != "" {
		t.Error(diff)
	}
	if got := server(t, `{}`).Delivery([]config.Loaded{{Events: &config.EventsState{}}}); got != nil {
		t.Errorf("of a server without events: %+v", got)
	}
}
