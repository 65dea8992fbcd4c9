// Package controllers makes what FileServer and FileServerUser objects
// describe.
//
// One pass is about one server and all its users: it reads what exists
// (pass.go), goes through a list of steps that build and apply (fileserver.go),
// and says in the status what it found (status.go). What objects look like is
// in the package resources, which slots run in the package rollout, what a
// status says in the package conditions; all three are pure.
//
//	apply.go        the one place that writes objects
//	claim.go        the volume
//	service.go      the Service, and where clients reach it
//	nodes.go        the nodes of the pods, and those by which clients come
//	certificate.go  the certificate
//	issuance.go     what cert-manager is asked for
//	certmanager.go  whether there is a cert-manager
//	hostkeys.go     the SSH host keys
//	users.go        the users' file and what applications bind to
//	config.go       the configuration
//	policies.go     NetworkPolicy and PodDisruptionBudget
//	slots.go        the Deployments
//	pace.go         how many servers get new pods at a time
//	refresh.go      pods load what has changed
//	inspect.go      what keeps pods from serving
//	references.go   Secrets and ConfigMaps that users name
//	memory.go       what is kept between passes
//	setup.go        caches and watches
package controllers
