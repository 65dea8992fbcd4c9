// Package assets builds the programs that a cluster consists of from Go modules, once per machine.
//
// Each component is a module of its own with a committed go.mod and go.sum, so what is built depends on
// the checkout alone. The programs go to the user's cache folder, in a folder named for the component,
// its version and a hash of its module files: a new version never replaces one in use, and a clean clone
// finds what an earlier one built.
package assets
