// Command pause is the process that holds a pod's namespaces open. It is built into the sandbox image,
// because no registry is asked for one.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// As PID 1 it gets no default action for a signal: without a handler a pod would only end by SIGKILL.
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	<-ended
}
