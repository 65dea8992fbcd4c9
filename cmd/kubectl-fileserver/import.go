package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/fileserver-dev/fileserver-operator/cmd/kubectl-fileserver/internal/accounts"
)

// importer is what all imports share.
type importer struct {
	*options
	server, format string
	accounts.Options
	beside, config string // files
}

// A source is a kind of dump.
type source struct {
	name, file, short string
	read              func(accounts.Options) (accounts.Found, error)
	homes             []string
	flags             func(*importer, *cobra.Command)
}

var sources = []source{
	{"passwd", "PASSWD", "Accounts of Unix: /etc/passwd, with its shadow file", accounts.Passwd, []string{"/home"}, besideFlags("shadow", "the shadow file, with the hashes")},
	{"shadow", "SHADOW", "Accounts of Unix: /etc/shadow, with its passwd file", accounts.Shadow, []string{"/home"}, besideFlags("passwd", "the passwd file, with UIDs and homes")},
	{"pureftpd", "PUREFTPD.PASSWD", "Virtual users of Pure-FTPd: the text file of pure-pw", accounts.PureFTPd, []string{"/home/ftpusers", "/home"}, nil},
	{"proftpd", "AUTHUSERFILE", "Virtual users of ProFTPD: the file of ftpasswd", accounts.ProFTPD, []string{"/srv/ftp", "/home"}, keysFlag},
	{"vsftpd", "FILE", "Virtual users of vsftpd: the file of pam_pwdfile, or the text for pam_userdb", accounts.VSFTPd, []string{"/srv/ftp", "/home"}, vsftpdFlags},
	{"atmoz", "USERS.CONF", "Users of the image atmoz/sftp: users.conf", accounts.Atmoz, []string{"/home"}, keysFlag},
	{"sftpgo", "DUMP.JSON", "Users of SFTPGo: what dumpdata writes", accounts.SFTPGo, []string{"/srv/sftpgo/data", "/var/lib/sftpgo/data"}, nil},
	{"aws", "USERS.JSON", "Users of AWS Transfer Family: what describe-user says of each", accounts.AWS, nil, nil},
}

func newImport(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Say the accounts of another file server as YAML",
		Long: `Say the accounts of another file server as FileServerUsers and Secrets, on the
standard output. Nothing is applied, and no cluster is asked.

Each line of the dump is accounted for: what does not come along is listed on the
standard error, and the exit code is 2 then. An account with a restriction that
cannot be said comes suspended. "-" reads the dump from the standard input.`,
		Example: `  kubectl fileserver import passwd /mnt/old/etc/passwd --shadow /mnt/old/etc/shadow \
    --keys '/mnt/old%h/.ssh/authorized_keys' --server partners > users.yaml
  kubectl fileserver import hostkeys /mnt/old/etc/ssh --server partners > host-keys.yaml`,
	}
	for _, s := range sources {
		cmd.AddCommand(newImportFrom(o, s))
	}
	cmd.AddCommand(newImportHostKeys(o))
	return cmd
}

func newImportFrom(o *options, s source) *cobra.Command {
	i := &importer{options: o}
	cmd := &cobra.Command{
		Use:   s.name + " " + s.file,
		Short: s.short,
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return i.run(s, args[0]) },
	}
	f := cmd.Flags()
	i.addServer(cmd)
	addOutput(cmd, &i.format, formatYAML, formatJSON)
	f.StringVar(&i.Encoding, "encoding", "", "encoding of the file, such as windows-1252; default UTF-8, or what a byte order mark says")
	f.StringSliceVar(&i.Homes, "home", s.homes, "folder of the old server: homes below it keep their path from there on, below the root of the storage")
	f.BoolVar(&i.NewPasswords, "new-passwords", false, "have those come along whose hash cannot be used, each with a password that the operator makes")
	if s.flags != nil {
		s.flags(i, cmd)
	}
	return cmd
}

func (i *importer) addServer(cmd *cobra.Command) {
	cmd.Flags().StringVar(&i.server, "server", "", "name of the FileServer")
	_ = cmd.MarkFlagRequired("server")
	_ = cmd.RegisterFlagCompletionFunc("server", i.completeServerFlag)
}

func besideFlags(name, usage string) func(*importer, *cobra.Command) {
	return func(i *importer, cmd *cobra.Command) {
		cmd.Flags().StringVar(&i.beside, name, "", usage)
		cmd.Flags().IntVar(&i.MinUID, "min-uid", 1000, "smallest UID that is no account of the system")
		keysFlag(i, cmd)
	}
}

func keysFlag(i *importer, cmd *cobra.Command) {
	cmd.Flags().StringVar(&i.Keys, "keys", "", "where the users' public keys are, in OpenSSH's format or that of RFC 4716: %u is the user, %h the home, and '*' stands for several files")
}

func vsftpdFlags(i *importer, cmd *cobra.Command) {
	cmd.Flags().StringVar(&i.config, "config", "", "vsftpd.conf")
	cmd.Flags().StringVar(&i.UserConfig, "user-config", "", "folder with a file of settings for each user (user_config_dir)")
}

func (i *importer) run(s source, file string) error {
	var err error
	for _, f := range []struct {
		name string
		to   *[]byte
	}{{file, &i.Text}, {i.beside, &i.Beside}, {i.config, &i.Config}} {
		if *f.to, err = i.readFile(f.name); err != nil {
			return err
		}
	}
	found, err := s.read(i.Options)
	if err != nil {
		return err
	}
	if err := i.print(found.Objects(i.server, *i.kube.Namespace)); err != nil {
		return err
	}
	return i.tell(found.Notes, "%d accounts came along.", len(found.Accounts))
}

// readFile reads a file, or the standard input for "-"; nothing without a name.
func (i *importer) readFile(name string) ([]byte, error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		return io.ReadAll(i.In)
	}
	return os.ReadFile(name)
}

// tell writes what did not come along.
func (i *importer) tell(notes []accounts.Note, summary string, args ...any) error {
	if err := accounts.WriteNotes(i.ErrOut, notes); err != nil {
		return err
	}
	fmt.Fprintf(i.ErrOut, summary+"\n", args...)
	if accounts.Incomplete(notes) {
		return errFound
	}
	return nil
}

func newImportHostKeys(o *options) *cobra.Command {
	i := &importer{options: o}
	cmd := &cobra.Command{
		Use:   "hostkeys DIR",
		Short: "SSH host keys: the private keys in a folder such as /etc/ssh",
		Long: `Say the private keys in a folder as a Secret. Name it in the FileServer's
spec.sshHostKeys.secretRef, and clients see the same host keys as before.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			secret, notes, err := accounts.HostKeys(args[0], i.server+"-imported-host-keys", *i.kube.Namespace)
			if err != nil {
				return errors.Join(accounts.WriteNotes(i.ErrOut, notes), err)
			}
			if err := i.print([]runtime.Object{secret}); err != nil {
				return err
			}
			return i.tell(notes, "Set spec.sshHostKeys of the FileServer %s: {secretRef: {name: %s}}.", i.server, secret.Name)
		},
	}
	i.addServer(cmd)
	addOutput(cmd, &i.format, formatYAML, formatJSON)
	return cmd
}

// Formats of -o.
const (
	formatYAML = "yaml"
	formatJSON = "json"
)

// print writes objects as kubectl takes them.
func (i *importer) print(objects []runtime.Object) error {
	switch i.format {
	case formatYAML:
		printer := &printers.YAMLPrinter{}
		for _, object := range objects {
			if err := printer.PrintObj(object, i.Out); err != nil {
				return err
			}
		}
		return nil
	case formatJSON:
		list := &corev1.List{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "List"}, Items: []runtime.RawExtension{}}
		for _, object := range objects {
			list.Items = append(list.Items, runtime.RawExtension{Object: object})
		}
		return (&printers.JSONPrinter{}).PrintObj(list, i.Out)
	}
	return fmt.Errorf("the output format %q is not known: there are %s and %s", i.format, formatYAML, formatJSON)
}
