package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// admin asks the administrators' endpoint, by a name of the host if one is given.
func (i *instance) admin(method, path, host string, into any) int {
	i.t.Helper()
	r, err := http.NewRequestWithContext(i.t.Context(), method, "http://"+i.addrs["admin"]+path, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		i.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		if err := json.NewDecoder(response.Body).Decode(into); err != nil {
			i.t.Fatal(err)
		}
	}
	return response.StatusCode
}

// logIn has alice log in, and out again.
func (i *instance) logIn(password string) error {
	c, err := i.ftp("21")
	if err != nil {
		return err
	}
	return errors.Join(c.Login("alice", password), c.Quit())
}

func TestAnAdministratorSeesSessionsAndEndsThem(t *testing.T) {
	t.Parallel()
	i := start(t)
	c := i.login()
	var sessions []config.Session
	i.eventually("the session is seen", func() error {
		i.admin(http.MethodGet, config.PathSessions, "", &sessions)
		if len(sessions) != 1 || sessions[0].User != "alice" || sessions[0].Protocol != config.ProtocolFTP || sessions[0].Remote != netip.MustParseAddr("127.0.0.1") {
			return fmt.Errorf("got %+v", sessions)
		}
		return nil
	})
	var ended config.Ended
	for path, want := range map[string]int{"": http.StatusBadRequest, "?id=x": http.StatusBadRequest, "?user=bob": 0, "?id=4711": 0} {
		if status := i.admin(http.MethodDelete, config.PathSessions+path, "", &ended); want == 0 && ended.Count != 0 || want != 0 && status != want {
			t.Errorf("%q: status %d, %d ended", path, status, ended.Count)
		}
	}
	if err := c.NoOp(); err != nil {
		t.Fatalf("the session of another was ended: %v", err)
	}
	if i.admin(http.MethodDelete, fmt.Sprintf("%s?user=alice&id=%d", config.PathSessions, sessions[0].ID), "", &ended); ended.Count != 1 {
		t.Errorf("%d sessions were ended", ended.Count)
	}
	i.eventually("the session is over", func() error {
		if c.NoOp() == nil {
			return fmt.Errorf("it goes on")
		}
		i.admin(http.MethodGet, config.PathSessions, "", &sessions)
		if len(sessions) > 0 {
			return fmt.Errorf("got %+v", sessions)
		}
		return nil
	})
}

func TestAnAdministratorSeesBansAndLiftsThem(t *testing.T) {
	t.Parallel()
	i := start(t, func(i *instance) { i.config.Sessions.Ban = config.Ban{Failures: 1} })
	if err := i.logIn("wrong"); err == nil {
		t.Fatal("a wrong password is right")
	}
	var bans []config.Banned
	i.admin(http.MethodGet, config.PathBans, "", &bans)
	if len(bans) != 1 || bans[0].Network != netip.MustParsePrefix("127.0.0.1/32") || bans[0].Until.IsZero() {
		t.Fatalf("bans are %+v", bans)
	}
	if err := i.logIn("right"); err == nil {
		t.Fatal("there is no ban")
	}
	var ended config.Ended
	if status := i.admin(http.MethodDelete, config.PathBans+"?network=office", "", &ended); status != http.StatusBadRequest {
		t.Errorf("what is no network is answered %d", status)
	}
	if i.admin(http.MethodDelete, config.PathBans+"?network=192.0.2.0/24", "", &ended); ended.Count != 0 {
		t.Error("bans of another network were lifted")
	}
	if i.admin(http.MethodDelete, config.PathBans+"?network=127.0.0.0/8", "", &ended); ended.Count != 1 {
		t.Errorf("%d bans were lifted", ended.Count)
	}
	if err := i.logIn("right"); err != nil {
		t.Errorf("after the ban was lifted: %v", err)
	}
}

// A page in the browser of whoever forwards a port could come by a name.
func TestAdministratorsComeByAddressAlone(t *testing.T) {
	t.Parallel()
	i := start(t)
	for host, want := range map[string]int{
		"localhost:1": http.StatusOK, "127.0.0.1:1": http.StatusOK, "[::1]:1": http.StatusOK, "localhost": http.StatusOK,
		"evil.example.com:1": http.StatusForbidden, "192.0.2.1": http.StatusForbidden, "evil.example.com": http.StatusForbidden,
	} {
		var sessions []config.Session
		if status := i.admin(http.MethodGet, config.PathSessions, host, &sessions); status != want {
			t.Errorf("%s is answered %d, want %d", host, status, want)
		}
	}
	if status := i.admin(http.MethodPost, config.PathSessions, "", nil); status != http.StatusMethodNotAllowed {
		t.Errorf("POST is answered %d", status)
	}
}
