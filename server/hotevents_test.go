package server

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// hotEvents are the tests of what is hot about events.
var hotEvents = map[string]func(t *testing.T){
	"events.sink": func(t *testing.T) {
		before, after := newIntake(t, false), newIntake(t, false)
		i := start(t, tellsOf(before))
		c := i.user("alice")
		c.put("STOR a", "x")
		before.wants(i, "at first", "upload.completed /alice/a")
		i.config.Events.Sink = after.URL
		i.reloadFiles()
		c.put("STOR b", "x")
		after.wants(i, "then", "upload.completed /alice/b")
	},
	"events.ca": func(t *testing.T) {
		in := newIntake(t, true)
		i := start(t, tellsOf(in))
		c := i.user("alice")
		for n := range 5 {
			c.put(fmt.Sprintf("STOR %d", n), "x")
		}
		i.eventually("it is not believed", func() error {
			if e := i.loaded().Events; !strings.Contains(e.Failing, "certificate") {
				return fmt.Errorf("%+v", e)
			}
			return nil
		})
		i.config.Events.CA = pemOf(in.Certificate())
		i.reloadFiles()
		in.wants(i, "it is", "upload.completed /alice/0", "upload.completed /alice/1", "upload.completed /alice/2", "upload.completed /alice/3", "upload.completed /alice/4")
	},
	"events.types": func(t *testing.T) {
		in := newIntake(t, false)
		i := start(t, tellsOf(in))
		i.config.Events.Types = []config.EventType{config.EventFileDeleted}
		i.reloadFiles()
		c := i.user("alice")
		c.put("STOR a", "x")
		c.command("DELE a", "250")
		in.wants(i, "of others nothing is told", "file.deleted /alice/a")
	},
	"events.paths": func(t *testing.T) {
		in := newIntake(t, false)
		i := start(t, tellsOf(in))
		i.config.Events.Paths = []string{"/*.csv"}
		i.reloadFiles()
		c := i.user("alice")
		c.put("STOR a.tmp", "x")
		c.put("STOR b.csv", "x")
		c.command("RNFR a.tmp", "350")
		c.command("RNTO a.csv", "250")
		in.wants(i, "of others nothing is told", "upload.completed /alice/b.csv", "file.renamed /alice/a.tmp -> /alice/a.csv")
	},
}

func pemOf(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}
