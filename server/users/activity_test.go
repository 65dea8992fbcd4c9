package users

import (
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestWhatUsersHaveDoneIsTold(t *testing.T) {
	t.Parallel()
	account := alice(t)
	d := directory(t, config.Sessions{}, account)
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	d.now = func() time.Time { return now }
	if got := d.Activity().Users; len(got) != 0 {
		t.Errorf("before anybody has logged in: %+v", got)
	}
	d.Uploaded("alice") // by nobody who has logged in
	first := begin(t, d, attempt(), Password("right"))
	now = now.Add(time.Minute)
	begin(t, d, attempt(), Password("right"))
	d.Uploaded("alice")
	now = now.Add(time.Minute)
	first.End()
	got := d.Activity().Users
	if len(got) != 1 || got[0] != (config.UserActivity{Name: "alice", LastLogin: now.Add(-time.Minute), LastUpload: now.Add(-time.Minute), Sessions: 1}) {
		t.Errorf("got %+v", got)
	}
}

func TestWhoIsRemovedIsForgotten(t *testing.T) {
	t.Parallel()
	d := directory(t, config.Sessions{}, alice(t))
	begin(t, d, attempt(), Password("right")).End()
	if err := d.Set(nil, config.Sessions{}); err != nil {
		t.Fatal(err)
	}
	if got := d.Activity().Users; len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}
