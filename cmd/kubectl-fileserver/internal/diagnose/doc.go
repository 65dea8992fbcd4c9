// Package diagnose says what is wrong with a file server, given what its status
// promises and what a client has seen. It is pure: observations in, a finding out.
//
// What follows from what is a chain of named rules, of which the first that matches
// counts: one that explains others comes before them. Nobody is told of forty ports
// when it is the address that is wrong.
//
//	expected.go    what a FileServer promises
//	attempt.go     what was tried, and how it ended
//	finding.go     the chain
//	reach.go       rules about addresses and ports of control connections
//	trust.go       rules about certificates and host keys
//	login.go       rules about users
//	data.go        rules about passive data connections
//	active.go      rules about active ones
package diagnose
