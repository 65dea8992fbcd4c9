// Package sftp is an SFTP and scp server. SSH is that of golang.org/x/crypto/ssh;
// the SFTP protocol is served here, packet by packet, with the extensions that
// OpenSSH's server has. Where files live it does not know: a [Backend] checks
// who logs in and returns a [Session], which is that user's view of a file
// system.
//
// # A server
//
//	srv := sftp.New(sftp.Options{
//		Backend: backend, // for one on a directory, see the rootfs package
//		Config:  sftp.Static(&sftp.ConnConfig{HostKeys: signers}),
//	})
//	ln, err := net.Listen("tcp", ":22")
//	...
//	go srv.Serve(ln, sftp.ListenerOptions{Name: "sftp"})
//	...
//	srv.Shutdown(ctx) // finishes running transfers, ends idle sessions
//
// # How it works
//
// A connection begins with the exchange of versions, which happens before any
// state of SSH is made: what connects and leaves, as health checks do, costs
// nearly nothing and is told apart from a client.
//
// Each channel that asks for the "sftp" subsystem has one goroutine that reads
// requests and serves them in their order. Reads of files run ahead on
// goroutines of their own within a bound of memory, and replies leave in the
// order of their requests, which old clients need. Everything a handler does
// may fail by returning an error; one function turns errors into status
// replies (see [Error]), and what it does not know becomes a generic reply and
// a log line, never text of the operating system on the wire.
//
// # Standards
//
//   - RFC 4250 to 4254: SSH, with RFC 8308 (extension negotiation), RFC 8332
//     (RSA with SHA-2) and RFC 4256 (keyboard-interactive)
//   - draft-ietf-secsh-filexfer-02: SFTP version 3, the one that clients use
//   - PROTOCOL of OpenSSH: the order of arguments of SYMLINK, for clients that
//     follow it, and the extensions posix-rename, statvfs, fstatvfs, hardlink, fsync, lsetstat, limits,
//     expand-path, copy-data, home-directory, users-groups-by-id
//   - PROTOCOL.certkeys of OpenSSH: user certificates
//   - PROTOCOL.u2f of OpenSSH: keys in hardware (sk-*)
//   - hostkeys-00@openssh.com: all host keys are told, so that they can change
//   - the scp protocol, in both directions, recursive and with times
package sftp
