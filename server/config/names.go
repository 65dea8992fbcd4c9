package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Names of ports, as container ports of the pods and as ports of the Service.
// A Service refers to its target ports by these names, so that a pod which
// does not declare one is skipped for it.
const (
	PortNameFTP      = "ftp"
	PortNameFTPData  = "ftp-data"
	PortNameFTPS     = "ftps"
	PortNameFTPSData = "ftps-data"
	PortNameSFTP     = "sftp"
	PortNameHTTP     = "http-metrics"
)

// Port numbers that the standards name, and the one for metrics and probes.
const (
	PortFTP      = 21  // RFC 959, section 5.2
	PortFTPData  = 20  // RFC 959, section 5.2
	PortFTPS     = 990 // IANA: ftps
	PortFTPSData = 989 // IANA: ftps-data
	PortSFTP     = 22  // RFC 4253, section 4.1
	PortHTTP     = 9090
)

// The default passive range. Forty ports and the five above fit a balancer
// with fifty listeners.
const (
	PassiveFirst        = 50000
	PassiveLast         = 50039
	PassivePortsPerPod  = 10
	passivePortNameChar = "p"
)

// PassivePortName is the name of a passive port: "p50010".
func PassivePortName(port int) string { return passivePortNameChar + strconv.Itoa(port) }

// Where things are mounted in the server's container.
const (
	// Dir holds the configuration: a ConfigMap's mount, never a subPath,
	// since those are not refreshed.
	Dir        = "/etc/fileserver/config"
	ConfigFile = "config.json"
	ConfigPath = Dir + "/" + ConfigFile

	// UsersDir holds the users, in one file or in several ([UsersFileOf]): mounts
	// of Secrets.
	UsersDir  = "/etc/fileserver/users"
	UsersFile = "users.json"

	// TLSDir holds tls.crt, tls.key and, where there is one, ca.crt.
	TLSDir      = "/etc/fileserver/tls"
	TLSCertFile = "tls.crt"
	TLSKeyFile  = "tls.key"
	TLSCAFile   = "ca.crt"

	// SSHDir holds the SSH host keys, one file for each algorithm, in
	// OpenSSH's private key format.
	SSHDir = "/etc/fileserver/ssh"

	// BucketDir holds the credentials for the bucket.
	BucketDir = "/etc/fileserver/bucket"

	// EventsDir holds the credentials for the receiver of events.
	EventsDir = "/etc/fileserver/events"

	// DataDir is the root of the storage. Homes are below it.
	DataDir = "/data"

	// AuditDir holds the files of the audit trail.
	AuditDir = "/var/log/fileserver"
)

// UsersFileOf is the name of the file with one of so many shards of the users, the
// first of which is number 0: [UsersFile] if it is the only one, else "users-3.json".
func UsersFileOf(shard, of int) string {
	if of == 1 {
		return UsersFile
	}
	return fmt.Sprintf("%s-%d%s", usersStem, shard, usersExt)
}

// IsUsersFile says whether a file of that name, in the folder with the users, has some
// of them.
func IsUsersFile(name string) bool {
	return strings.HasPrefix(name, usersStem) && strings.HasSuffix(name, usersExt)
}

const (
	usersStem = "users"
	usersExt  = ".json"
)

// SSHHostKeyFiles are the file names that a generated host key Secret has, in
// the order in which the server offers them.
var SSHHostKeyFiles = []string{"ssh_host_ed25519_key", "ssh_host_ecdsa_key", "ssh_host_rsa_key"}

// Volume names of the pod.
const (
	VolumeConfig = "config"
	VolumeUsers  = "users"
	VolumeTLS    = "tls"
	VolumeSSH    = "ssh-host-keys"
	VolumeBucket = "bucket-credentials"
	VolumeData   = "data"
	VolumeAudit  = "audit"
	VolumeEvents = "events-credentials"
)

// Flags of the server's command line, without dashes.
const (
	// FlagConfig is the path of the [Config] file; default [ConfigPath].
	FlagConfig = "config"
	// FlagPassivePorts is the slice of the passive range that this pod owns,
	// as "first-last"; default the whole range.
	FlagPassivePorts = "passive-ports"
	// FlagNodeAddress is the address of the pod's node, for rules whose
	// address is [NodeAddress].
	FlagNodeAddress = "node-address"
	// FlagHTTPAddress is where metrics and probes are served, as
	// "host:port"; default ":9090".
	FlagHTTPAddress = "http-address"
	// FlagLogLevel is debug, info, warn or error; default info.
	FlagLogLevel = "log-level"
)

// Paths of the HTTP endpoint.
const (
	PathLive    = "/livez"
	PathReady   = "/readyz"
	PathConfig  = "/configz" // see [Loaded]
	PathMetrics = "/metrics"
	// PathActivity tells what users have done; see [Activity].
	PathActivity = "/activityz"
)
