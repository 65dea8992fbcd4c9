// Package config is the contract between the operator and the file server: the
// files that the operator renders and that the server reads, and the names,
// numbers and paths on which both must agree.
//
// There are two files, both JSON with a version and decoded strictly, so that
// a field which one side does not know is an error and never a silent loss:
//
//   - [Config] (a ConfigMap): protocols, ports, passive address rules, limits.
//   - [Users] (a Secret): who may log in, with password hashes and public keys.
//
// No secret value is in Config, only the paths of files that hold one. What
// differs between the pods of one FileServer (the slice of the passive range
// that each owns) is in neither: it is an argument of the container.
//
// The operator validates what it renders with the same Validate that the
// server runs on load, so that a bad file is a condition on the FileServer and
// never a crash loop. The package imports only the standard library.
package config
