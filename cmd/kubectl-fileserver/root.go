package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// options are what all commands share.
type options struct {
	genericiooptions.IOStreams
	kube *genericclioptions.ConfigFlags
	// connect returns a client of the cluster, and the namespace that is meant.
	connect func() (client.Client, string, error)
	// forward leads to the administrators' endpoint of a pod, until closed is called.
	forward func(ctx context.Context, pod *corev1.Pod) (address string, closed func(), err error)
}

func newOptions(streams genericiooptions.IOStreams) *options {
	o := &options{IOStreams: streams, kube: genericclioptions.NewConfigFlags(true)}
	o.connect, o.forward = o.cluster, o.forwardPort
	return o
}

func newRoot(o *options) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-fileserver",
		Short: "Look after file servers, and move accounts to them",
		Long: `Look after file servers, and move accounts to them.

Exit codes: 0 for what went well, 1 for what could not be done, 2 for what was done
and has something to look at.`,
		Version:       version,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl fileserver"},
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(o.In)
	root.SetOut(o.Out)
	root.SetErr(o.ErrOut)
	o.kube.AddFlags(root.PersistentFlags())
	root.AddCommand(newCheck(o), newImport(o), newSessions(o), newKick(o), newBans(o), newUnban(o), newPassword(o), newConnect(o))
	return root
}

// addOutput adds the flag -o with the formats that a command has. The first one is the
// default.
func addOutput(cmd *cobra.Command, format *string, formats ...string) {
	cmd.Flags().StringVarP(format, "output", "o", formats[0], "one of "+strings.Join(formats, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}
