// Command names answers for the names for which an ACME server issues certificates to a test: challtestsrv's DNS
// server, with the API of acme-dns in front of it, which is one of the few that cert-manager can tell a
// DNS-01 record to. An account's subdomain is the full name of the record.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/letsencrypt/challtestsrv"
)

func main() {
	dns := flag.String("dns", "127.0.0.1:8053", "answer DNS queries at HOST:PORT")
	api := flag.String("api", "127.0.0.1:8055", "take records by acme-dns's API at HOST:PORT")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dns, *api); err != nil {
		fmt.Fprintln(os.Stderr, "names:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dns, api string) error {
	names, err := challtestsrv.New(challtestsrv.Config{DNSAddrs: []string{dns}})
	if err != nil {
		return err
	}
	go names.Run()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /update", func(w http.ResponseWriter, r *http.Request) {
		var update struct{ Subdomain, Txt string }
		if err := json.NewDecoder(r.Body).Decode(&update); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		names.DeleteDNSTXTRecord(update.Subdomain)
		names.AddDNSTXTRecord(update.Subdomain, update.Txt)
	})
	server := &http.Server{Addr: api, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
