// Package accounts reads the accounts of other file servers from their dumps, and
// says them as FileServerUsers and Secrets.
//
// Each line, or entry, of a dump is accounted for: it becomes an account, or a note
// says why it does not. What an account has and a FileServerUser cannot say is a note
// too. If that would have kept somebody out, the account comes suspended: nobody may
// do more than before because something could not be said.
//
//	account.go   an account, a note, and the book that both are kept in
//	text.go      a dump as lines, whatever its encoding
//	password.go  which passwords and hashes can be used
//	keys.go      the files with users' public keys
//	home.go      where homes are below the storage's root
//	objects.go   FileServerUsers and Secrets
//	hostkeys.go  SSH host keys
//
// The other files have a format each.
package accounts
