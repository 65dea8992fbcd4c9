package main

import (
	"net"
	"sync"
	"time"
)

// relay passes connections on to a server, each way later by a delay. It limits
// no rate: a long way, and a wide one.
type relay struct {
	net.Listener
	to    string
	delay time.Duration
}

// inFlight is how many reads, of up to 64 KiB, may be under way.
const inFlight = 1024

func newRelay(to string, delay time.Duration) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{l, to, delay}
	go r.serve()
	return r, nil
}

func (r *relay) serve() {
	for {
		client, err := r.Accept()
		if err != nil {
			return
		}
		go r.pass(client)
	}
}

func (r *relay) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	both.Go(func() { r.oneWay(server, client) })
	both.Go(func() { r.oneWay(client, server) })
	both.Wait()
}

// delayed is data and when it arrives.
type delayed struct {
	data []byte
	due  time.Time
}

func (r *relay) oneWay(dst, src net.Conn) {
	queue := make(chan delayed, inFlight)
	go func() {
		defer close(queue)
		for {
			b := make([]byte, 64<<10)
			n, err := src.Read(b)
			if n > 0 {
				queue <- delayed{b[:n], time.Now().Add(r.delay)}
			}
			if err != nil {
				return
			}
		}
	}()
	for d := range queue {
		time.Sleep(time.Until(d.due))
		if _, err := dst.Write(d.data); err != nil {
			src.Close()
			for range queue { // so that the reader ends
				continue
			}
			return
		}
	}
	if c, ok := dst.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
}
