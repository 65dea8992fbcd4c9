package server

import (
	"errors"
	"maps"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestAVolumeTellsHowFullItIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		space space
		err   error
		want  map[string]float64
	}{
		"a volume": {space{size: 1000, free: 10}, nil, map[string]float64{
			"fileserver_volume_available": 1, "fileserver_volume_size_bytes": 1000, "fileserver_volume_free_bytes": 10,
		}},
		"one that does not tell its size": {space{}, nil, map[string]float64{"fileserver_volume_available": 1}},
		"one that is gone":                {space{}, errors.New("stale handle"), map[string]float64{"fileserver_volume_available": 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewRegistry()
			registry.MustRegister(volumeCollector{&volume{wait: volumeWait, ask: func() (space, error) { return c.space, c.err }}})
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]float64{}
			for _, f := range families {
				got[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
			}
			if !maps.Equal(got, c.want) {
				t.Errorf("it tells %v, want %v", got, c.want)
			}
		})
	}
}

func TestTheSpaceOfAVolume(t *testing.T) {
	t.Parallel()
	if s, err := lookInto(t.TempDir()); err != nil || s.size <= 0 || s.free < 0 || s.free > s.size {
		t.Errorf("it is %+v (%v)", s, err)
	}
	if s, err := lookInto("/nowhere"); err == nil || s != (space{}) {
		t.Errorf("of what is not there it is %+v (%v)", s, err)
	}
}
