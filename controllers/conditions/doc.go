// Package conditions decides what a status says: what was found goes in,
// conditions come out. Each decision is a chain of named rules, of which the
// first that matches counts. The package is pure: no client, no logger, no clock.
//
//	problem.go  what is wrong, and what to do about it
//	errors.go   which problem an error is
//	server.go   the conditions of a FileServer
//	user.go     the conditions of a FileServerUser
//	kstatus.go  Ready, Reconciling and Stalled, as kstatus reads them
package conditions

// rule looks at what was found. It says what follows, or that it has nothing to
// say.
type rule[F, V any] func(found F) (V, bool)

// chain is a decision: the first rule that has something to say decides.
type chain[F, V any] []rule[F, V]

func (c chain[F, V]) decide(found F) V {
	for _, r := range c {
		if verdict, ok := r(found); ok {
			return verdict
		}
	}
	var none V
	return none
}
