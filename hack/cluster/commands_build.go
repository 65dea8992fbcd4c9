package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/assets"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/local"
)

func buildCommand() *cobra.Command {
	var only string
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build Kubernetes, etcd and containerd into the user's cache folder, unless they are there",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			components := assets.ClusterComponents()
			switch only {
			case "all":
			case "assets":
				components = assets.EnvtestComponents()
			default:
				return fmt.Errorf("--only %s: it is assets or all", only)
			}
			_, err := build(cmd.Context(), components)
			return err
		},
	}
	cmd.Flags().StringVar(&only, "only", "all", "assets (API server, etcd and kubectl) or all")
	return cmd
}

func assetsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "assets",
		Short: "Build what envtest needs and print its folder, for KUBEBUILDER_ASSETS",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dirs, err := build(cmd.Context(), assets.EnvtestComponents())
			if err != nil {
				return err
			}
			fmt.Println(dirs["kubernetes"])
			return nil
		},
	}
}

func certificatesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "certificates",
		Short: "Build cert-manager and an ACME server, and print their folders and that of cert-manager's CRDs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			builder, err := assets.NewBuilder(os.Stderr)
			if err != nil {
				return err
			}
			components := assets.CertificateComponents()
			dirs, err := builder.Build(cmd.Context(), components)
			if err != nil {
				return err
			}
			crds, err := builder.CertManagerCRDs(cmd.Context())
			if err != nil {
				return err
			}
			for _, c := range components {
				fmt.Println(dirs[c.Name])
			}
			fmt.Println(crds)
			return nil
		},
	}
}

func depsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "deps",
		Short: "Install the distribution's packages that a cluster needs (root, Debian)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return local.InstallPackages(cmd.Context(), os.Stderr)
		},
	}
}

// build tells its progress on standard error: standard output is for results.
func build(ctx context.Context, components []assets.Component) (map[string]string, error) {
	builder, err := assets.NewBuilder(os.Stderr)
	if err != nil {
		return nil, err
	}
	return builder.Build(ctx, components)
}
