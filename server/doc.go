// Package server is the file server: it reads the contract's files, serves
// FTP, FTPS and SFTP from one storage to one set of users, reloads the files
// when they change, and drains when it is told to end.
//
// The protocols know nothing of each other or of the configuration; this
// package translates for them:
//
//	config ─> Server ─┬─> ftp.Server  ─> ftpBackend ─┐
//	                  ├─> sftp.Server ───────────────┼─> users ─> storage
//	                  └─> HTTP: probes, metrics, loaded hashes
package server
