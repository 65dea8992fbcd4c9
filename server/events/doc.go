// Package events tells a receiver what clients have done to files: CloudEvents 1.0 over HTTP,
// at least once.
//
// An event is recorded in the outbox, which is on the volume or in the bucket with the files,
// before anybody can find the file under its name. It goes this way, and each step is safe to
// be killed at:
//
//  1. pending/<key> is written. A file that is not visible yet can still become nothing.
//  2. The file gets its name.
//  3. The record moves to ready/<run>/<id>, where a run is one process from its start to its end.
//  4. It is delivered, and removed; or moves to dead/<id>, if the receiver will never take it.
//
// A run has a lease, runs/<run>@<owner>, that its owner renews. If nobody does, another run
// becomes the owner, and delivers what is ready. What is pending of a run that has ended is settled
// by looking where its file is: see [check].
package events
