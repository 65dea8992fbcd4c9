// Package ftp is an FTP server: explicit and implicit TLS, passive and active
// mode, and every extension that clients in use today rely on. It depends on
// the standard library only and knows nothing about where files live: a
// [Backend] checks who logs in and returns a [Session], which is that user's
// view of a file system.
//
// # A server
//
//	srv := ftp.New(ftp.Options{
//		Backend:   backend, // the example has one for a folder of the host
//		TLSConfig: ftp.StaticTLS(&tls.Config{Certificates: certs}),
//		Passive:   passive.NewPool(passive.Options{First: 50000, Last: 50009}),
//		Settings:  ftp.Settings{TLS: ftp.TLSRequired},
//	})
//	explicit, err := net.Listen("tcp", ":21")
//	...
//	implicit, err := net.Listen("tcp", ":990")
//	...
//	go srv.Serve(explicit, ftp.ListenerOptions{DataPort: 20})
//	go srv.Serve(implicit, ftp.ListenerOptions{Implicit: true, DataPort: 989})
//	...
//	srv.Shutdown(ctx) // finishes running transfers, ends idle sessions
//
// # How it works
//
// One goroutine serves a control connection. A transfer runs on a second one,
// so that ABOR, STAT, NOOP and QUIT are answered at once while data moves, and
// so that losing the control connection ends the transfer. Everything a
// handler does may fail by returning an error; one function turns errors into
// replies (see [Error]), and what it does not know becomes a generic reply and
// a log line, never text of the operating system on the wire.
//
// Passive ports come from a [passive.Pool], which holds a port only while a
// data connection is awaited and lets clients of different addresses await on
// the same one. Where neither TLS nor a wrapper stands between, downloads are
// sendfile(2): a [File] may simply be an *os.File.
//
// # Standards
//
//   - RFC 959, file transfer protocol, with RFC 1123 section 4.1
//   - RFC 1579 and RFC 2577: passive mode, and security considerations
//   - RFC 2228 and RFC 4217: security extensions, and FTP over TLS
//   - RFC 2389: FEAT and OPTS
//   - RFC 2428: EPRT and EPSV
//   - RFC 2640: UTF-8 names and LANG
//   - RFC 3659: MDTM, SIZE, REST in stream mode, MLST and MLSD
//   - RFC 5797: the registry of commands and extensions
//   - RFC 7151: HOST
//   - drafts and habits that clients use: AVBL, CLNT, COMB, CSID, DSIZ, HASH,
//     MFCT, MFF, MFMT, SITE CHMOD, SITE SYMLINK, SITE UTIME, XCRC,
//     XMD5, XSHA1, XSHA256, XSHA512, and implicit TLS
package ftp
