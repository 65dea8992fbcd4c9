// Package audit keeps the trail of what clients do: a line of JSON for each session,
// login, transfer and change of a file, and for whatever was refused. It is the same for
// all protocols, of which it knows no more than their names.
//
//   - [Record] is the line, with a version; docs/audit.md explains each field.
//   - [Log] writes lines where the configuration says, and bounds how many there are.
//   - [Session] has the lines of one connection.
//   - [Session.Tree] is a tree of files that tells of each change.
//
// No line ever holds a password or a key.
package audit
