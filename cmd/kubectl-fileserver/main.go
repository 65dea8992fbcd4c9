// Command kubectl-fileserver is a plug-in of kubectl: `kubectl fileserver`.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// version is set when the program is built.
var version = "dev"

// completer is the name under which kubectl asks a plug-in to complete arguments: a
// link of that name leads to this program.
const completer = "kubectl_complete-fileserver"

func main() {
	if password, ok := os.LookupEnv(askPassword); ok {
		fmt.Println(password)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	args := os.Args[1:]
	if strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe") == completer {
		args = append([]string{"__complete"}, args...)
	}
	code := run(ctx, args, newOptions(genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}))
	stop()
	os.Exit(code)
}

// Exit codes.
const (
	exitDone = 0
	// exitFailed is for what could not be done.
	exitFailed = 1
	// exitFound is for what was done, and found something that somebody should look at.
	exitFound = 2
)

// errFound ends a command that has said already what it found.
var errFound = errors.New("something was found")

// run runs the program and returns its exit code.
func run(ctx context.Context, args []string, o *options) int {
	root := newRoot(o)
	root.SetArgs(args)
	switch err := root.ExecuteContext(ctx); {
	case err == nil:
		return exitDone
	case errors.Is(err, errFound):
		return exitFound
	default:
		fmt.Fprintln(o.ErrOut, "error:", err)
		return exitFailed
	}
}
