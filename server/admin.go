package server

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/fileserver-dev/fileserver-operator/server/check"
	"github.com/fileserver-dev/fileserver-operator/server/config"
)

// newAdminServer answers administrators: see [config.PathSessions] and
// [config.PathBans].
func (s *Server) newAdminServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+config.PathSessions, func(w http.ResponseWriter, _ *http.Request) {
		respond(w, s.users.Sessions())
	})
	mux.HandleFunc("DELETE "+config.PathSessions, s.endSessions)
	mux.HandleFunc("GET "+config.PathBans, func(w http.ResponseWriter, _ *http.Request) {
		respond(w, s.users.Bans())
	})
	mux.HandleFunc("DELETE "+config.PathBans, s.liftBans)
	return &http.Server{
		Handler:           onlyByAddress(mux),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
	}
}

// onlyByAddress refuses who comes by a name. The other end of a port-forward is a port
// of somebody's machine, to which a page in that person's browser could come by a name
// that leads there.
func onlyByAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if addr, err := netip.ParseAddr(host); (err != nil || !addr.IsLoopback()) && host != "localhost" {
			http.Error(w, "come by the address 127.0.0.1 or by localhost", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func respond(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // whoever asked has gone
}

func (s *Server) endSessions(w http.ResponseWriter, r *http.Request) {
	user, text := r.FormValue(config.ParamUser), r.FormValue(config.ParamID)
	id, err := strconv.ParseUint(text, 10, 64)
	if user == "" && text == "" || text != "" && err != nil {
		http.Error(w, "name a user, the number of a session, or both", http.StatusBadRequest)
		return
	}
	count := s.users.EndSessions(func(session config.Session) bool {
		return (user == "" || session.User == user) && (text == "" || session.ID == id)
	})
	s.log.Info("an administrator has ended sessions", "user", user, "id", text, "count", count)
	respond(w, config.Ended{Count: count})
}

func (s *Server) liftBans(w http.ResponseWriter, r *http.Request) {
	network, err := check.ParseNetwork(r.FormValue(config.ParamNetwork))
	if err != nil {
		http.Error(w, "the network "+err.Error(), http.StatusBadRequest)
		return
	}
	count := s.users.Lift(network)
	s.log.Info("an administrator has lifted bans", "network", network.String(), "count", count)
	respond(w, config.Ended{Count: count})
}

// serveAdmin serves administrators until the function that it returns is called. That
// it cannot, for somebody else has the port, keeps no client out.
func (s *Server) serveAdmin() (stop func()) {
	if s.opts.AdminAddress == "" {
		return func() {}
	}
	l, err := s.opts.Listen("tcp", s.opts.AdminAddress)
	if err != nil {
		s.log.Warn("administrators cannot be served", "error", err)
		return func() {}
	}
	server := s.newAdminServer()
	go func() {
		if err := server.Serve(l); err != http.ErrServerClosed {
			s.log.Warn("administrators are served no more", "error", err)
		}
	}()
	return func() { server.Close() }
}
