package config

import (
	"net/netip"
	"time"
)

// The administrators' endpoint: who is logged in, and who is banned. It listens on
// the loopback of the pod alone, so that Kubernetes decides who may ask: one comes
// there by a port-forward, which takes the permission to create pods/portforward.
const (
	// FlagAdminAddress is where it is served, as "host:port"; empty: nowhere.
	// Default [AdminAddress].
	FlagAdminAddress = "admin-address"

	PortAdmin    = 9091
	AdminAddress = "127.0.0.1:9091"

	// PathSessions has a list of [Session] (GET). DELETE ends those that match the
	// parameters [ParamUser] and [ParamID], of which at least one is given.
	PathSessions = "/sessions"
	// PathBans has a list of [Banned] (GET). DELETE lifts the bans of addresses in
	// the network that [ParamNetwork] has.
	PathBans = "/bans"

	ParamUser    = "user"
	ParamID      = "id"
	ParamNetwork = "network"
)

// Session is one that is logged in.
type Session struct {
	// ID is a number that no other session of the pod has.
	ID       uint64     `json:"id"`
	User     string     `json:"user"`
	Protocol string     `json:"protocol"`
	Remote   netip.Addr `json:"remote"`
	Since    time.Time  `json:"since"`
}

// Banned is an address that may not log in: IPv6 by its /64.
type Banned struct {
	Network netip.Prefix `json:"network"`
	Until   time.Time    `json:"until"`
}

// Ended is the answer to DELETE.
type Ended struct {
	Count int `json:"count"`
}
