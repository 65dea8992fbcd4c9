// Command receiver takes CloudEvents over HTTP, by the SDK of CloudEvents, and writes each to a file as a
// line of JSON. It can fail one in so many.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "where to listen")
	file := flag.String("file", "", "where to write events")
	failing := flag.Int64("fail", 0, "fail one in so many; 0: none")
	flag.Parse()
	out, err := os.OpenFile(*file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	protocol, err := cloudevents.NewHTTP(cehttp.WithListener(listener))
	if err != nil {
		log.Fatal(err)
	}
	client, err := cloudevents.NewClient(protocol)
	if err != nil {
		log.Fatal(err)
	}
	var tried atomic.Int64
	var mu sync.Mutex
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	log.Printf("listening at %s", listener.Addr())
	err = client.StartReceiver(ctx, func(e cloudevents.Event) cloudevents.Result {
		if *failing > 0 && tried.Add(1)%*failing == 0 {
			return cehttp.NewResult(http.StatusServiceUnavailable, "not this time")
		}
		if err := e.Validate(); err != nil {
			return cehttp.NewResult(http.StatusBadRequest, "%w", err)
		}
		line, err := json.Marshal(e)
		if err != nil {
			return cehttp.NewResult(http.StatusBadRequest, "%w", err)
		}
		mu.Lock()
		defer mu.Unlock()
		if _, err := out.Write(append(line, '\n')); err != nil {
			return cehttp.NewResult(http.StatusInternalServerError, "%w", err)
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
}
