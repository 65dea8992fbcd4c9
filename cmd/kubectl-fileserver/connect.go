package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fileserver-dev/fileserver-operator/api/v1alpha1"
)

// connection starts a client for a user.
type connection struct {
	*options
	protocol, identity string
}

// A login is what a client needs.
type login struct {
	endpoint   v1alpha1.Endpoint
	user       string
	password   string // empty: the client asks for it
	identity   string // file with a private key; empty: none
	knownHosts []byte
	authority  []byte // of the certificate
	plain      bool   // FTP without TLS
}

func newConnect(o *options) *cobra.Command {
	c := &connection{options: o}
	cmd := &cobra.Command{
		Use: "connect USER", Short: "Start a client for a FileServerUser",
		Long: `Start sftp or lftp as a FileServerUser, at the address in the status and with the
password of the credentials. The client believes the host keys and the authority that
the credentials name, and no others.`,
		Example:           "  kubectl fileserver connect alice\n  kubectl fileserver connect alice --protocol ftps",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeUsers,
		RunE:              func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args[0]) },
	}
	cmd.Flags().StringVar(&c.protocol, "protocol", "", "ftp, ftps or sftp; default the first of sftp, ftps and ftp that the user has")
	_ = cmd.RegisterFlagCompletionFunc("protocol", cobra.FixedCompletions([]string{"sftp", "ftps", "ftp"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().StringVarP(&c.identity, "identity", "i", "", "file with the user's private SSH key")
	return cmd
}

func (c *connection) run(ctx context.Context, name string) error {
	cluster, namespace, err := c.options.connect()
	if err != nil {
		return err
	}
	l, err := c.login(ctx, cluster, client.ObjectKey{Namespace: namespace, Name: name})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "kubectl-fileserver")
	if err != nil {
		return err
	}
	cmd, err := l.command(ctx, dir)
	if err == nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = c.In, c.Out, c.ErrOut
		err = cmd.Run()
	}
	if errors.Is(err, exec.ErrNotFound) {
		err = fmt.Errorf("the client is not installed: %w", err)
	}
	return errors.Join(err, os.RemoveAll(dir))
}

func (c *connection) login(ctx context.Context, cluster client.Client, key client.ObjectKey) (login, error) {
	user, server, secret := &v1alpha1.FileServerUser{}, &v1alpha1.FileServer{}, &corev1.Secret{}
	if err := cluster.Get(ctx, key, user); err != nil {
		return login{}, err
	}
	if err := cluster.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: user.Spec.ServerRef.Name}, server); err != nil {
		return login{}, err
	}
	if user.Status.Binding == nil {
		return login{}, fmt.Errorf("%s has no credentials yet: see `kubectl describe fileserveruser %s`", key.Name, key.Name)
	}
	if err := cluster.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: user.Status.Binding.Name}, secret); err != nil {
		return login{}, fmt.Errorf("reading the credentials: %w", err)
	}
	l := login{
		user: user.LoginName(), password: string(secret.Data["password"]), identity: c.identity,
		knownHosts: secret.Data["known_hosts"], authority: secret.Data["ca.crt"],
	}
	if ftp := server.Spec.ServedProtocols().FTP; ftp != nil {
		l.plain = ftp.TLS == v1alpha1.TLSDisabled
	}
	for _, protocol := range []v1alpha1.ProtocolName{v1alpha1.ProtocolSFTP, v1alpha1.ProtocolFTPS, v1alpha1.ProtocolFTP} {
		if c.protocol != "" && c.protocol != string(protocol) || len(user.Spec.Protocols) > 0 && !slices.Contains(user.Spec.Protocols, protocol) {
			continue
		}
		if i := slices.IndexFunc(server.Status.Endpoints, func(e v1alpha1.Endpoint) bool { return e.Name == string(protocol) }); i >= 0 {
			l.endpoint = server.Status.Endpoints[i]
			return l, nil
		}
	}
	return login{}, fmt.Errorf("%s cannot connect by %s: the user may not, or the server does not serve it", key.Name, cmp.Or(c.protocol, "any protocol"))
}

// askPassword in the environment has this program answer an SSH client that asks for a
// password: it is not to be seen in a list of processes.
const askPassword = "KUBECTL_FILESERVER_PASSWORD" //nolint:gosec // the name of a variable

// command is the client. What it is to believe is in files in a folder.
func (l login) command(ctx context.Context, dir string) (*exec.Cmd, error) {
	if l.endpoint.Name == string(v1alpha1.ProtocolSFTP) {
		return l.sftp(ctx, filepath.Join(dir, "known_hosts"))
	}
	return l.lftp(ctx, filepath.Join(dir, "ca.crt"))
}

func (l login) sftp(ctx context.Context, knownHosts string) (*exec.Cmd, error) {
	if err := os.WriteFile(knownHosts, l.knownHosts, 0o600); err != nil {
		return nil, err
	}
	host := l.endpoint.Address
	if net.ParseIP(host) != nil && net.ParseIP(host).To4() == nil {
		host = "[" + host + "]"
	}
	args := []string{"-P", strconv.Itoa(int(l.endpoint.Port)), "-o", "UserKnownHostsFile=" + knownHosts, "-o", "StrictHostKeyChecking=yes"}
	env := os.Environ()
	switch {
	case l.identity != "":
		args = append(args, "-i", l.identity, "-o", "IdentitiesOnly=yes")
	case l.password != "":
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		args = append(args, "-o", "PreferredAuthentications=password", "-o", "NumberOfPasswordPrompts=1")
		env = append(env, "SSH_ASKPASS="+self, "SSH_ASKPASS_REQUIRE=force", askPassword+"="+l.password)
	}
	cmd := exec.CommandContext(ctx, "sftp", append(args, l.user+"@"+host)...)
	cmd.Env = env
	return cmd, nil
}

func (l login) lftp(ctx context.Context, authority string) (*exec.Cmd, error) {
	settings := "set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ssl:verify-certificate yes"
	if l.plain && l.endpoint.Name == string(v1alpha1.ProtocolFTP) {
		settings = "set ftp:ssl-allow no"
	} else if len(l.authority) > 0 {
		if err := os.WriteFile(authority, l.authority, 0o600); err != nil {
			return nil, err
		}
		settings += "; set ssl:ca-file " + authority
	}
	url := l.endpoint.Name + "://" + net.JoinHostPort(l.endpoint.Address, strconv.Itoa(int(l.endpoint.Port)))
	args := []string{"-e", settings, "-u", l.user}
	env := os.Environ()
	if l.password != "" {
		args = append(args, "--env-password")
		env = append(env, "LFTP_PASSWORD="+l.password)
	}
	cmd := exec.CommandContext(ctx, "lftp", append(args, url)...)
	cmd.Env = env
	return cmd, nil
}
