// Command cluster runs a real Kubernetes on this machine for development and tests.
//
// See README.md beside this file.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		// A command that was run on someone's behalf has said itself what is wrong.
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 0 {
			os.Exit(exit.ExitCode())
		}
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "cluster",
		Short:         "Run a real Kubernetes on this machine, for development and tests",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddCommand(buildCommand(), assetsCommand(), certificatesCommand(), depsCommand(),
		upCommand(), downCommand(), kubeconfigCommand(), kubectlCommand(), loadCommand(), execCommand(), cloudCommand())
	return cmd
}
