// Package check says whether what people write for a file server can be used: keys
// and their options, hashes of passwords, authorities, host keys, names of
// algorithms, networks. The operator asks before it renders a file, and the server
// when it has read one, so that both have one answer.
//
// Errors say what is wrong as the end of a sentence that begins with the name of
// the entry ("has the option ...", "is no public key"), and never hold a secret.
// No input makes a function panic.
package check
