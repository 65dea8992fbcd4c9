package sftp_test

import (
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func TestAClientThatAsksForKeysAllTheTimeHasToWait(t *testing.T) {
	t.Parallel()
	f := serve(t)
	config := &ssh.ClientConfig{User: "alice", Auth: []ssh.AuthMethod{ssh.PublicKeys(f.key)}}
	config.RekeyThreshold = 1 // of x/crypto: not less than 256 bytes
	client, err := f.dialConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	r := f.rawSession(client)
	for range 400 {
		began := time.Now()
		r.want(statusNoSuchFile, fxpStat, "/none")
		if time.Since(began) > 500*time.Millisecond {
			return
		}
	}
	t.Error("it could have keys exchanged as often as it wanted")
}
