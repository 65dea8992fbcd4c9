package server

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

func TestWhatUsersDoIsToldToTheOperator(t *testing.T) {
	t.Parallel()
	i := start(t)
	before := time.Now().Add(-time.Second)
	c := i.user("alice")
	told := func(sessions int, uploaded bool) func() error {
		return func() error {
			var a config.Activity
			body, err := i.get(config.PathActivity)
			if err == nil {
				err = json.Unmarshal([]byte(body), &a)
			}
			if err != nil {
				return err
			}
			if len(a.Users) != 1 || a.Users[0].Name != "alice" || a.Users[0].Sessions != sessions ||
				a.Users[0].LastLogin.Before(before) || a.Users[0].LastUpload.After(before) != uploaded {
				return fmt.Errorf("got %s", body)
			}
			return nil
		}
	}
	i.eventually("a login", told(1, false))
	c.cut("STOR f", "half")
	i.eventually("an upload that was cut is none", told(1, false))
	s, conn := i.sftpSession()
	f, err := s.Create("f")
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	i.eventually("an upload", told(2, true))
	conn.Close()
	i.eventually("a session that has ended", told(1, true))
}
