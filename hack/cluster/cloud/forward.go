package cloud

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/go-logr/logr"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/network"
)

// forward carries connections to a listener on the machine's loopback interface into a namespace, until
// ctx ends. So an ordinary kubectl or test reaches the API server, and the machine's own network needs no
// route to it.
func forward(ctx context.Context, log logr.Logger, listener net.Listener, namespace, target string) error {
	context.AfterFunc(ctx, func() { listener.Close() })
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			if err := carry(conn, namespace, target); err != nil {
				log.V(1).Info("forwarding to the API server", "error", err.Error())
			}
		}()
	}
}

func carry(conn net.Conn, namespace, target string) error {
	var upstream net.Conn
	// A socket belongs to the namespace of the thread that made it; it is used from any other afterwards.
	// The target is an address, not a name: Dial then makes the socket on this thread.
	err := network.Do(namespace, func() (err error) {
		upstream, err = net.Dial("tcp", target)
		return err
	})
	if err != nil {
		return err
	}
	defer upstream.Close()

	var both sync.WaitGroup
	var toServer, toClient error
	both.Go(func() { toServer = pipe(upstream, conn) })
	both.Go(func() { toClient = pipe(conn, upstream) })
	both.Wait()
	return errors.Join(toServer, toClient)
}

// pipe copies one direction and passes its end on.
func pipe(to, from net.Conn) error {
	_, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		return half.CloseWrite()
	}
	to.Close()
	from.Close()
	return err
}
