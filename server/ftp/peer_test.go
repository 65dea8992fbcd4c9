package ftp_test

import (
	"io"
	"testing"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/ftp"
)

func TestWhereSoConfiguredADataConnectionMayComeFromAnyAddress(t *testing.T) {
	t.Parallel()
	ts, pool := servePool(t, plain, tenPorts(), nil)
	ts.set(func(s *ftp.Settings) { s.PeerCheck = ftp.PeerAny })
	ts.write("/f", "data")
	c := ts.connect().login()
	conn, err := dialFrom("127.0.0.7", c.epsv())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c.command("RETR f", "150 ...")
	conn.SetDeadline(time.Now().Add(patience))
	if data, err := io.ReadAll(conn); err != nil || string(data) != "data" {
		t.Errorf("got %q, %v", data, err)
	}
	c.expect("226 ...")
	if s := pool.Stats(); s.Awaited != 0 || s.Arrived != 1 {
		t.Errorf("%+v", s)
	}
}
