// Package probe tries what a FileServer promises, as its clients do: each endpoint at
// each of its addresses, each mode of data connections, and each passive port of each
// pod that it comes to. It only reads: it lists the top folder and changes nothing.
//
// What it has seen it says as attempts of package diagnose, and judges nothing.
package probe
