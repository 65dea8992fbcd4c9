// Package resources says what a FileServer and its users become: one file for
// each kind of object. Builders take values and return apply configurations;
// they know no client, no logger and no clock.
//
//	names.go          every object's name
//	server.go         what the builders are given
//	exposure.go       the address and the ports that clients are told
//	config.go         the server's configuration, and its ConfigMap
//	accounts.go       the server's users, and their Secret
//	passwords.go      passwords and their hashes
//	credentials.go    the Secret that an application binds to
//	certificate.go    a certificate authority and what it issues
//	hostkeys.go       SSH host keys
//	claim.go          the volume
//	service.go        the Service
//	pod.go            the pods
//	deployment.go     the Deployments that run them
//	disruption.go     the PodDisruptionBudget
//	networkpolicy.go  the NetworkPolicy
//	certmanager.go    the Certificate of cert-manager
package resources
