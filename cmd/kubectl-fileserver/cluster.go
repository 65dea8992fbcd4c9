package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// scheme has the kinds that are asked for.
var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			panic(err) // the same kind is there twice
		}
	}
	return s
}()

// cluster is where the flags lead, and the namespace that is meant.
func (o *options) cluster() (client.Client, string, error) {
	config, err := o.kube.ToRESTConfig()
	if err != nil {
		return nil, "", err
	}
	namespace, _, err := o.kube.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, "", err
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, "", fmt.Errorf("connecting to the cluster: %w", err)
	}
	return c, namespace, nil
}

// completeServers completes the name of a FileServer.
func (o *options) completeServers(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return o.complete(cmd.Context(), &v1alpha1.FileServerList{})
}

// completeServerFlag completes the name of a FileServer in a flag.
func (o *options) completeServerFlag(cmd *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
	return o.completeServers(cmd, nil, text)
}

// completeUsers completes the name of a FileServerUser.
func (o *options) completeUsers(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return o.complete(cmd.Context(), &v1alpha1.FileServerUserList{})
}

func (o *options) complete(ctx context.Context, list client.ObjectList) ([]string, cobra.ShellCompDirective) {
	c, namespace, err := o.connect()
	if err == nil {
		err = c.List(ctx, list, client.InNamespace(namespace))
	}
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	switch l := list.(type) {
	case *v1alpha1.FileServerList:
		for i := range l.Items {
			names = append(names, l.Items[i].Name)
		}
	case *v1alpha1.FileServerUserList:
		for i := range l.Items {
			names = append(names, l.Items[i].Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
