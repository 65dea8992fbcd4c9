package sftp_test

import (
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestAClientThatFloodsAndGoesLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	f := serve(t, func(f *fixture) { f.options.Limits.StallTimeout, f.buffer = 20*time.Second, 16<<10 })
	ids := string(zeros[:100<<10])
	var all sync.WaitGroup
	var clients []*deafConn
	for range 8 {
		d, client := f.deaf()
		clients = append(clients, d)
		all.Go(func() {
			for range 5 {
				ch, reqs, err := client.OpenChannel("session", nil)
				if err != nil {
					return
				}
				go ssh.DiscardRequests(reqs)
				ch.SendRequest("subsystem", false, ssh.Marshal(struct{ Name string }{"sftp"}))
				ch.Write(packet(fxpInit, uint32(3)))
				go func() {
					for i := range uint32(40) {
						if _, err := ch.Write(packet(fxpExtended, i, "users-groups-by-id@openssh.com", ids, ids)); err != nil {
							return
						}
					}
				}()
			}
		})
	}
	all.Wait()
	for _, d := range clients {
		d.Close()
	}
	eventually(t, "the connections to be gone", func() bool { return len(f.server.Sessions()) == 0 })
}
