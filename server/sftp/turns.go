package sftp

import (
	"context"
	"io"
	"runtime"

	"golang.org/x/crypto/ssh"
	"golang.org/x/time/rate"
)

const (
	// A connection may exchange keys so often at once, and once a second after
	// that. No client needs more: OpenSSH does so each gigabyte at the most often.
	exchangeBurst = 16
	exchangeRate  = rate.Limit(1)
	// hashesOfUser is how many files are hashed at once for a user.
	hashesOfUser = 2
)

// turn waits until what costs a processor may run, as many at once as there
// are processors. It runs until done is called.
func (s *Server) turn(ctx context.Context) (done func(), err error) {
	s.turnsOnce.Do(func() { s.turns = make(chan struct{}, runtime.GOMAXPROCS(0)) })
	return enqueue(ctx, s.turns)
}

// enqueue waits for one of the places of a queue, or until ctx ends.
func enqueue(ctx context.Context, queue chan struct{}) (done func(), err error) {
	select {
	case queue <- struct{}{}:
		return func() { <-queue }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// An exchangeSigner signs for key exchanges: there is one signature in each.
// A client that asks for one after the other has to wait.
type exchangeSigner struct {
	ssh.MultiAlgorithmSigner
	c *Conn
}

// Sign implements [ssh.Signer].
func (s exchangeSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.turn(func() (*ssh.Signature, error) { return s.MultiAlgorithmSigner.Sign(rand, data) })
}

// SignWithAlgorithm implements [ssh.AlgorithmSigner].
func (s exchangeSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	return s.turn(func() (*ssh.Signature, error) { return s.MultiAlgorithmSigner.SignWithAlgorithm(rand, data, algorithm) })
}

func (s exchangeSigner) turn(sign func() (*ssh.Signature, error)) (*ssh.Signature, error) {
	if err := s.c.exchanges.Wait(s.c.ctx); err != nil {
		return nil, err
	}
	done, err := s.c.server.turn(s.c.ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	s.c.ahead.begin() // the keys are exchanged with this signature
	return sign()
}
