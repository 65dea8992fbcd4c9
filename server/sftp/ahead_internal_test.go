package sftp

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLittleIsReadBetweenTheKeyExchangeAndTheRequestToLogIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a ahead
		allowed := func(size, want int) {
			t.Helper()
			if n, err := a.allow(size); n != want || err != nil {
				t.Errorf("%d bytes, %v are allowed of %d, want %d", n, err, size, want)
			}
		}
		allowed(4096, 4096)
		a.took(4096)
		a.begin()
		allowed(4096, maxEarly)
		a.took(100)
		allowed(4096, maxEarly-100)
		a.took(maxEarly - 100)
		if _, err := a.allow(1); err == nil {
			t.Error("more is allowed")
		}
		time.AfterFunc(earlyWait/2, a.lift)
		allowed(4096, 4096)
		a.begin() // of a later key exchange
		allowed(4096, 4096)
	})
}
