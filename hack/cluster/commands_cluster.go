package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/fileserver-dev/fileserver-operator/hack/cluster/assets"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/cloud"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/kind"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/local"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/network"
	"github.com/fileserver-dev/fileserver-operator/hack/cluster/plan"
)

// target is the cluster that a command is about.
type target struct {
	name, stateRoot, provider string
	nodes                     int
}

const (
	providerLocal = "local"
	providerKind  = "kind"
)

// flags adds the flags that choose a cluster.
func (t *target) flags(cmd *cobra.Command) *cobra.Command {
	stateRoot := local.DefaultStateRoot
	if fromEnv := os.Getenv("FILESERVER_CLUSTER_STATE"); fromEnv != "" {
		stateRoot = fromEnv
	}
	provider := providerLocal
	if fromEnv := os.Getenv("FILESERVER_CLUSTER_PROVIDER"); fromEnv != "" {
		provider = fromEnv
	}
	cmd.Flags().StringVar(&t.name, "name", "dev", "the cluster's name")
	cmd.Flags().StringVar(&t.stateRoot, "state-dir", stateRoot, "folder for clusters' data, on a disk (or FILESERVER_CLUSTER_STATE)")
	cmd.Flags().StringVar(&t.provider, "provider", provider, "local, or kind where there is Docker (or FILESERVER_CLUSTER_PROVIDER)")
	return cmd
}

func (t *target) check() error {
	if t.provider != providerLocal && t.provider != providerKind {
		return fmt.Errorf("--provider %s: it is local or kind", t.provider)
	}
	root, err := filepath.Abs(t.stateRoot)
	t.stateRoot = root
	return errors.Join(err, plan.CheckName(t.name))
}

func (t *target) local() *local.Cluster {
	return &local.Cluster{Cluster: plan.Cluster{Name: t.name, Nodes: t.nodes}, StateRoot: t.stateRoot, Out: os.Stderr}
}

func (t *target) kind() kind.Cluster {
	return kind.Cluster{Name: t.name, Nodes: t.nodes, Out: os.Stderr}
}

// kubeconfig is the path of the cluster's kubeconfig, if there is such a cluster.
func (t *target) kubeconfig() (string, error) {
	if err := t.check(); err != nil {
		return "", err
	}
	path := t.local().Kubeconfig()
	if t.provider == providerKind {
		var err error
		if path, err = t.kind().Kubeconfig(); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no cluster %q: cluster up --name %s", t.name, t.name)
	}
	return path, nil
}

func upCommand() *cobra.Command {
	var t target
	var install bool
	cmd := t.flags(&cobra.Command{
		Use:   "up",
		Short: "Start a cluster, or what is missing of one, and wait until it is ready",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := t.check(); err != nil {
				return err
			}
			if t.nodes < 1 || t.nodes > plan.MaxNodes {
				return fmt.Errorf("--nodes %d: it is 1 to %d", t.nodes, plan.MaxNodes)
			}
			if t.provider == providerKind {
				return t.kind().Up(cmd.Context())
			}
			if install {
				if err := local.InstallPackages(cmd.Context(), os.Stderr); err != nil {
					return err
				}
			}
			// Before a build of ten minutes, not after it.
			if err := local.Preflight(); err != nil {
				return err
			}
			programs, err := build(cmd.Context(), assets.ClusterComponents())
			if err != nil {
				return err
			}
			return t.local().Up(cmd.Context(), programs)
		},
	})
	cmd.Flags().IntVar(&t.nodes, "nodes", 1, "how many nodes")
	cmd.Flags().BoolVar(&install, "install", false, "install missing packages of the distribution first (as the command deps does)")
	return cmd
}

func downCommand() *cobra.Command {
	var t target
	return t.flags(&cobra.Command{
		Use:   "down",
		Short: "Remove a cluster and all that belongs to it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := t.check(); err != nil {
				return err
			}
			if t.provider == providerKind {
				return t.kind().Down(cmd.Context())
			}
			return t.local().Down(cmd.Context())
		},
	})
}

func kubeconfigCommand() *cobra.Command {
	var t target
	return t.flags(&cobra.Command{
		Use:   "kubeconfig",
		Short: "Print the path of a cluster's kubeconfig",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			path, err := t.kubeconfig()
			if err == nil {
				fmt.Println(path)
			}
			return err
		},
	})
}

func kubectlCommand() *cobra.Command {
	var t target
	return t.flags(&cobra.Command{
		Use:   "kubectl [flags] -- ARGUMENTS...",
		Short: "Run the cluster's version of kubectl",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := t.kubeconfig()
			if err != nil {
				return err
			}
			dirs, err := build(cmd.Context(), assets.EnvtestComponents())
			if err != nil {
				return err
			}
			kubectl := exec.Command(filepath.Join(dirs["kubernetes"], "kubectl"), append([]string{"--kubeconfig", path}, args...)...)
			return runAttached(kubectl)
		},
	})
}

func loadCommand() *cobra.Command {
	var t target
	return t.flags(&cobra.Command{
		Use:   "load ARCHIVE...",
		Short: "Import image archives on every node that lacks them",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := t.check(); err != nil {
				return err
			}
			if t.provider == providerKind {
				return t.kind().Load(cmd.Context(), files)
			}
			programs, err := build(cmd.Context(), assets.ClusterComponents())
			if err != nil {
				return err
			}
			return t.local().Load(cmd.Context(), programs, files)
		},
	})
}

func execCommand() *cobra.Command {
	var t target
	return t.flags(&cobra.Command{
		Use:   "exec [flags] client|router|control|nodeN -- COMMAND...",
		Short: "Run a command in one of the cluster's network namespaces",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := t.check(); err != nil {
				return err
			}
			namespace := t.local().Namespace(args[0])
			if !network.Exists(namespace) && len(t.parts()) == 0 {
				return fmt.Errorf("there is no cluster %q: cluster up --name %s", t.name, t.name)
			}
			if !network.Exists(namespace) {
				return fmt.Errorf("there is no network namespace %s; there are: %s", namespace, strings.Join(t.parts(), ", "))
			}
			return become("nsenter", append([]string{"--net=" + network.Path(namespace)}, args[1:]...)...)
		},
	})
}

// parts lists what `exec` can enter.
func (t *target) parts() []string {
	names, err := network.List()
	if err != nil {
		return nil
	}
	c := t.local()
	names = slices.DeleteFunc(names, func(n string) bool { return !c.OwnsNamespace(n) })
	for i, n := range names {
		names[i] = strings.TrimPrefix(n, c.Namespace(""))
	}
	return names
}

// become replaces this process by a command, so that whoever ends this one ends the command.
func become(name string, args ...string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	return fmt.Errorf("running %s: %w", path, syscall.Exec(path, append([]string{name}, args...), os.Environ()))
}

func runAttached(cmd *exec.Cmd) error {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

// cloudCommand is what `up` keeps in the background.
func cloudCommand() *cobra.Command {
	var t target
	var listen string
	cmd := t.flags(&cobra.Command{
		Use:    "cloud",
		Short:  "Serve balancer addresses, storage and the way to the API server (started by up)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := t.check(); err != nil {
				return err
			}
			c := t.local()
			return cloud.Run(cmd.Context(), cloud.Options{
				Cluster:    c.Cluster,
				Listen:     listen,
				Kubeconfig: c.Kubeconfig(),
				Volumes:    c.Volumes(),
			})
		},
	})
	cmd.Flags().IntVar(&t.nodes, "nodes", 1, "how many nodes there are")
	cmd.Flags().StringVar(&listen, "listen", "", "loopback address to forward to the API server")
	return cmd
}
